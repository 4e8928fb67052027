"""Turn the bytes of a picture into the model's input."""
