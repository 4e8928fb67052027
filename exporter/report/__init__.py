"""What people read of an export."""
