"""Measure how far two sets of answers differ, and how certain that difference is."""
