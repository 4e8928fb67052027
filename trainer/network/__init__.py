"""The networks and how their weights move."""
