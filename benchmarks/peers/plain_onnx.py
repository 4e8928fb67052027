"""ONNX Runtime as its guide shows it, one session for all pictures.

Usage: python -m benchmarks.peers.plain_onnx MODEL.onnx, with a picture's path a line on standard input
Prints the outputs of each as JSON.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


def main(model_path):
    """Load the model once and answer every line."""
    session = onnxruntime.InferenceSession(model_path)
    source = session.get_inputs()[0]
    _, height, width, _ = source.shape
    dtype = np.uint8 if source.type == "tensor(uint8)" else np.float32
    print("true", flush=True)
    for line in sys.stdin:
        image = Image.open(line.strip()).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        scores = session.run(None, {source.name: np.asarray(image, dtype)[None]})[0][0]
        print(json.dumps(scores.tolist()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
