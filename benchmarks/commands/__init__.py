"""The commands of catdog-bench."""
