"""Frames of a camera, a video file or a stream over time."""
