"""What a user would write without catdog, one script each, to measure against."""
