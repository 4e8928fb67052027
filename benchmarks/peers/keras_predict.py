"""Keras `predict` on one picture at a time.

Usage: python -m benchmarks.peers.keras_predict MODEL.keras, with a picture's path a line on standard input
Prints the outputs of each as JSON.
"""

import json
import sys

import keras
import numpy as np


def main(model_path):
    """Load the model once and answer every line."""
    model = keras.saving.load_model(model_path, compile=False)
    height, width = model.input_shape[1:3]
    print("true", flush=True)
    for line in sys.stdin:
        image = keras.utils.load_img(line.strip(), target_size=(height, width), interpolation="bilinear")
        scores = model.predict(np.asarray(image, np.float32)[None], verbose=0)[0]
        print(json.dumps(scores.tolist()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
