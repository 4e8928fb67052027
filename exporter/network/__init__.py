"""What is done to the Keras model before it is converted."""
