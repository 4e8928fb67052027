"""Measure latency and accuracy of a bundle on this machine."""
