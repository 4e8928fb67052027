"""The scores of one file on one thread: `python -m benchmarks.run.scorer BUNDLE FILE BACKEND PIXELS.npy`.

For a line `START STOP` it prints the scores of these rows of `uint8 (N, height, width, 3) RGB 0-255`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edge_runtime.backends.selection import open_file
from edge_runtime.bundle import read_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.errors import CatdogError


def main(bundle: str, file: str, backend: str, pixels_path: str) -> None:
    """Open the file and answer each line of standard input."""
    pixels = np.load(pixels_path, mmap_mode="r")
    try:
        opened = read_bundle(Path(bundle))
        classifier = Classifier(opened, open_file(opened, opened.file(file), backend, 1), threads=1)
    except CatdogError as error:
        sys.exit(" ".join(str(error).split()))  # one line, which the parent reads
    print(json.dumps(len(pixels)), flush=True)
    for line in sys.stdin:
        start, stop = map(int, line.split())
        print(json.dumps([classifier.scores(picture).tolist() for picture in pixels[start:stop]]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
