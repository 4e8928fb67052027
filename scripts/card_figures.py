"""Print the figures of models/compact/MODEL_CARD.md, each with its 95 % interval.

Usage: python scripts/card_figures.py BUNDLE DATA [ORIGINALS]

DATA holds the test pictures, at any depth; they are known by their content. ORIGINALS holds some of the photographs
as they were before they were squashed: cat/cat.1.jpg is Cat/1.jpg. `catdog-bench edge inference` measures the
card's speed, `catdog-bench robustness` its table of bad conditions.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.run.pictures import Pictures, find_pictures, load_all
from edge_runtime.classifier import Classifier, Prediction
from edge_runtime.proof.drift import calibration_error
from edge_runtime.proof.shares import wilson_interval

FILES = (("litert", "int8"), ("onnxruntime", "int8"), ("litert", "float32"))
_SQUASHED_SIDE, _SQUASHED_QUALITY = 160, 78  # of the archive's photographs


def main() -> None:
    """Print a table of every file, one of the kinds never seen, and what squashing changes."""
    folder, data, *originals = (Path(argument) for argument in sys.argv[1:])
    bundle = Classifier.open(folder, "litert", precision="int8").bundle
    pictures = find_pictures(data, bundle)
    columns = []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pixels.npy"
        pictures = load_all(pictures, bundle.preprocessing, path)
        pixels = np.load(path, mmap_mode="r")
        for runtime, precision in FILES:
            classifier = Classifier.open(folder, runtime, precision=precision, threads=1)
            scores = np.array([classifier.scores(picture) for picture in pixels])
            columns.append(_figures(scores, pictures.targets, classifier.confidence_threshold))
            print(
                f"{precision} {runtime}", *(f"{name}: {value}" for name, value in columns[-1].items()), sep="\n  "
            )
    classifier = Classifier.open(folder, "litert", precision="int8")
    _print_kinds(classifier, pictures)
    if originals:
        _print_originals(classifier, originals[0], data)


def _figures(scores: np.ndarray, targets: np.ndarray, threshold: float) -> dict[str, str]:
    """Return the card's figures of one file: scores `(N, 3)` of cat, dog and neither."""
    pets, answers, sure = targets < 2, scores.argmax(axis=1), scores.max(axis=1) >= threshold
    return {
        "cat against dog": _share((scores[:, :2].argmax(axis=1) == targets)[pets]),
        "right": _share((answers == targets)[pets]),
        "right and sure": _share(((answers == targets) & sure)[pets]),
        "cat or dog and sure": _share(((answers < 2) & sure)[pets]),
        "never seen, neither or unsure": _share(((answers == 2) | ~sure)[~pets]),
        "calibration error": f"{calibration_error(scores, targets):.4f}",
    }


def _print_kinds(classifier: Classifier, pictures: Pictures) -> None:
    paths = [path for path, target in zip(pictures.paths, pictures.targets, strict=True) if target == 2]
    kinds = np.array([path.parent.name for path in paths])
    rejected = np.array([_rejected(prediction) for prediction in classifier.classify_many(paths)])
    for kind in np.unique(kinds):
        print(f"{kind}: {_share(rejected[kinds == kind])}")
    squashed = [_rejected(prediction) for prediction in classifier.classify_many(map(_squash, paths))]
    print(f"all {_share(rejected)}, squashed like the photographs {_share(squashed)}")


def _print_originals(classifier: Classifier, originals: Path, data: Path) -> None:
    squashed = {f"{path.parent.name}.{path.stem}".lower(): path for path in data.rglob("*.jpg")}
    pairs = [(path, squashed[path.stem]) for path in sorted(originals.rglob("*.jpg")) if path.stem in squashed]
    for what, paths in zip(("original", "squashed"), zip(*pairs, strict=True), strict=True):
        right = [
            prediction.label == path.stem.split(".")[0]
            for (path, _), prediction in zip(pairs, classifier.classify_many(paths), strict=True)
        ]
        print(f"{what} photographs: {_share(right)} right")


def _rejected(prediction: Prediction) -> bool:
    return prediction.label == "neither" or not prediction.confident


def _squash(path: Path) -> bytes:
    file = io.BytesIO()
    size = (_SQUASHED_SIDE, _SQUASHED_SIDE)
    Image.open(path).convert("RGB").resize(size, Image.Resampling.LANCZOS).save(
        file, "jpeg", quality=_SQUASHED_QUALITY
    )
    return file.getvalue()


def _share(found: Sequence[bool] | np.ndarray) -> str:
    low, high = wilson_interval(int(np.sum(found)), len(found))
    return f"{np.mean(found):.2%} [{100 * low:.2f}, {100 * high:.2f}] of {len(found):,}"


if __name__ == "__main__":
    main()
