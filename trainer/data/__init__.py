"""From pictures in folders to arrays."""
