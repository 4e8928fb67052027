"""Scores of one file: `python -m benchmarks.run.scorer BUNDLE PRECISION RUNTIME PIXELS.npy`, one thread.

It answers `START STOP` with the scores of these rows of `uint8 (N, height, width, 3) RGB 0-255`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edge_runtime.classifier import Classifier
from edge_runtime.errors import CatdogError


def main(bundle: str, precision: str, runtime: str, pixels_path: str) -> None:
    """Open the file and answer what is asked."""
    pixels = np.load(pixels_path, mmap_mode="r")
    try:
        classifier = Classifier.open(Path(bundle), runtime, precision=precision, threads=1)
    except CatdogError as error:
        sys.exit(" ".join(str(error).split()))  # one line, which the parent reads
    print(json.dumps(len(pixels)), flush=True)
    for line in sys.stdin:
        start, stop = map(int, line.split())
        print(json.dumps([classifier.scores(picture).tolist() for picture in pixels[start:stop]]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
