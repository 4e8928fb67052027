"""Models of the user's own: Keras models that catdog-train did not make, and finished TFLite and ONNX files."""
