"""Print the pixels and scores that this machine and environment get from a bundle and a folder of pictures.

probe.py BUNDLE PICTURES [FLOAT_PICTURES]. It needs `edge_runtime` alone, so that it runs wherever that does.
"""

import hashlib
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edge_runtime.backends import open_model
from edge_runtime.backends.selection import Selection, candidates
from edge_runtime.bundle import read_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.errors import BackendError
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.picture.source import Pixels

LIBRARIES = ("numpy", "pillow", "ai-edge-litert", "tflite-runtime", "onnxruntime")


def probe(folder: Path, pictures: Path, float_pictures: int = 10_000) -> dict[str, Any]:
    """Return hashes of the pictures' tensors, and scores or the error by file and backend.

    Args:
        folder: a bundle.
        pictures: a folder of pictures and nothing else.
        float_pictures: how many of them float files score, which are slow under emulation; the others score all.
    """
    preprocessing = read_bundle(folder).preprocessing
    pixels = {path.name: load_picture(path, preprocessing) for path in sorted(pictures.iterdir())}
    return {
        "machine": platform.machine(),
        "versions": {"python": platform.python_version()} | _versions(),
        "hashes": {name: hashlib.sha256(tensor.tobytes()).hexdigest() for name, tensor in pixels.items()},
    } | scores_of(folder, list(pixels.values()), float_pictures)


def scores_of(folder: Path, pixels: list[Pixels], float_pictures: int = 10_000) -> dict[str, Any]:
    """Return `scores`, or the message in `errors`, by file and backend, such as `model.int8.onnx onnxruntime`."""
    bundle = read_bundle(folder)
    found: dict[str, Any] = {"scores": {}, "errors": {}}
    for file, backend in candidates(bundle):
        key = f"{file.path} {backend}"
        try:
            model = open_model(backend, bundle.read(file), 1, file)
        except BackendError as error:
            found["errors"][key] = str(error)
            continue
        classifier = Classifier(bundle, Selection(file, b"", backend, model, ()), threads=1)
        count = float_pictures if file.precision.startswith("float") else len(pixels)
        found["scores"][key] = [classifier.scores(tensor).astype(float).tolist() for tensor in pixels[:count]]
    return found


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    json.dump(probe(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])), sys.stdout)
