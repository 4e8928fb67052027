"""Convert a trained model to TFLite and ONNX and prove how far each file drifts."""
