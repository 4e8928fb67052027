"""The scripts behind the figures in the documentation."""
