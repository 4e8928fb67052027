"""Read frames of a camera, a video file or a stream, and classify them over time."""
