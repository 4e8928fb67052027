"""ai-edge-litert as its guide shows it, one interpreter for all pictures.

Usage: python -m benchmarks.peers.plain_litert MODEL.tflite, with a picture's path a line on standard input
Prints the outputs of each as JSON.
"""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def main(model_path):
    """Load the model once and answer every line."""
    interpreter = Interpreter(model_path)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    result = interpreter.get_output_details()[0]
    _, height, width, _ = source["shape"]
    scale, zero_point = result["quantization"]
    print("true", flush=True)
    for line in sys.stdin:
        image = Image.open(line.strip()).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        interpreter.set_tensor(source["index"], np.asarray(image, source["dtype"])[None])
        interpreter.invoke()
        scores = interpreter.get_tensor(result["index"])[0].astype(float)
        print(json.dumps(((scores - zero_point) * (scale or 1)).tolist()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
