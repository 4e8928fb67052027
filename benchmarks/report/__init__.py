"""What people read of a benchmark."""
