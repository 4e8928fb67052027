"""The way of TensorFlow Lite's `label_image` example: a new interpreter for each picture, run once.

Usage: python -m benchmarks.peers.label_image MODEL.tflite, with a picture's path a line on standard input
Prints the outputs of each as JSON; null where the picture is not RGB, for which the example fails.
"""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def label_image(model_path, picture_path):
    """Return the outputs for one picture."""
    interpreter = Interpreter(model_path)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    result = interpreter.get_output_details()[0]
    _, height, width, _ = source["shape"]
    pixels = np.expand_dims(np.asarray(Image.open(picture_path).resize((width, height))), axis=0)
    interpreter.set_tensor(source["index"], pixels.astype(source["dtype"]))
    interpreter.invoke()
    scale, zero_point = result["quantization"]
    scores = interpreter.get_tensor(result["index"])[0].astype(float)
    return ((scores - zero_point) * (scale or 1)).tolist()


def main(model_path):
    """Answer every line."""
    print("true", flush=True)
    for line in sys.stdin:
        try:
            print(json.dumps(label_image(model_path, line.strip())), flush=True)
        except ValueError:  # a grey picture has other dimensions
            print("null", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
