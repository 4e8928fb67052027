"""Give a bundle that was exported before `catdog-edge teach` the typical features of its labels.

Usage: python scripts/typical_features.py BUNDLE DATA...

DATA are folders with the pictures of `calibration.json` in BUNDLE, known by their hash. A new export writes the
features itself. No model file changes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_runtime.atomic_file import write_whole
from edge_runtime.bundle import MANIFEST, TFLITE, Bundle, Precision, read_bundle
from edge_runtime.picture.preprocessing import Pixels, load_picture
from edge_runtime.teaching.examples import KEY, write_examples
from exporter.typical_features import typical_features


def main(folder: Path, data: list[Path]) -> None:
    """Write `features.bin` and its record in the manifest."""
    bundle = read_bundle(folder)
    pixels, targets = calibration_pictures(bundle, data)
    file = next(file for file in bundle.files if (file.format, file.precision) == (TFLITE, Precision.INT8))
    examples = typical_features(bundle.read(file), pixels, targets, len(bundle.labels))
    if examples is None:
        sys.exit(f"{folder}: not every label has a picture, or the last layer cannot be replaced")
    extra = bundle.manifest.extra | {KEY: write_examples(folder, examples, len(bundle.labels))}
    text = json.dumps(replace(bundle.manifest, extra=extra).to_dict(), indent=1) + "\n"
    write_whole(folder / MANIFEST, text.encode("utf-8"))


def calibration_pictures(bundle: Bundle, data: list[Path]) -> tuple[Pixels, list[int]]:
    """Return the pictures of `calibration.json` that the folders hold, in its order, and their labels."""
    wanted = json.loads((bundle.folder / "calibration.json").read_text(encoding="utf-8"))["pictures"]
    paths = (path for folder in data for path in sorted(folder.rglob("*")) if path.is_file())
    found = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}
    known = [picture for picture in wanted if picture["sha256"] in found]
    print(f"{len(known)} of {len(wanted)} calibration pictures found")
    pixels = np.array([load_picture(found[picture["sha256"]], bundle.preprocessing) for picture in known])
    return pixels, [bundle.labels.index(picture["label"]) for picture in known]


if __name__ == "__main__":
    main(Path(sys.argv[1]), list(map(Path, sys.argv[2:])))
