"""From a picture's bytes to the model's input."""
