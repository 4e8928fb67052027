"""What is done to model files."""
