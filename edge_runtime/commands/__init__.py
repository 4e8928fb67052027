"""The commands of catdog-edge, one in each file."""
