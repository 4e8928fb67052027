"""The commands of catdog-edge, one a file."""
