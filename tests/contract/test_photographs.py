"""Real bundles give real photographs the labels of the Keras model, where both are there.

The bounds are those of docs/measurements/parity.md.
"""

import hashlib
from typing import Any

import numpy as np
import pytest

from edge_runtime import Bundle, Classifier, load_picture, read_bundle
from edge_runtime.bundle.keras_scores import ScoredPicture, read_keras_scores
from tests.contract.conftest import SHIPPED
from tests.contract.measurements import Measurements, largest_difference
from tests.contract.probe import scores_of
from tests.environments import ROOT

COUNT = 500
PHOTOGRAPHS = ROOT.parent / "shared/data/petimages"
ORIGINALS = ROOT.parent / "shared/data/originals"
# Bundles that were trained on photographs.
BUNDLES = {"petimages-report": ROOT / "bundles/petimages-report", **SHIPPED}

Compared = tuple[str, dict[str, Any], np.ndarray]


@pytest.fixture(scope="module", params=BUNDLES)
def compared(request: pytest.FixtureRequest) -> Compared:
    """The name of a bundle, and the scores of its files by file and backend, and of Keras, on its test pictures."""
    folder = BUNDLES[request.param]
    for needed in (folder / "manifest.json", PHOTOGRAPHS):
        if not needed.exists():
            pytest.skip(f"needs {needed.relative_to(ROOT.parent)}")
    bundle = read_bundle(folder)
    pixels, keras = known_pictures(read_keras_scores(folder, bundle.labels), bundle)
    return request.param, scores_of(folder, list(pixels))["scores"], keras


def known_pictures(known: dict[str, ScoredPicture], bundle: Bundle) -> tuple[np.ndarray, np.ndarray]:
    """Return the test pictures that are on this machine, and their Keras scores from the bundle."""
    found = {}
    for path in sorted(PHOTOGRAPHS.glob("*/*")):
        content = path.read_bytes()
        picture = known.get(hashlib.sha256(content).hexdigest())
        if picture is not None:
            found[path] = picture.scores
    pixels = [load_picture(path, bundle.preprocessing) for path in found]
    return np.stack(pixels), np.array(list(found.values()))


def spread(count: int) -> list[int]:
    """Return the indices of the pictures to take, spread over all classes."""
    assert count >= COUNT
    return [int(index) for index in np.linspace(0, count - 1, COUNT)]


def test_labels_are_those_of_keras(compared: Compared, measurements: Measurements) -> None:
    """Proves that every file gives at least 99 % of the test photographs the label of the Keras model.

    All photographs are used. With only 500, a share of 99 % would be uncertain by half a point either way.
    """
    name, scores, keras = compared
    assert len(keras) > COUNT
    for key, found in scores.items():
        same = (np.argmax(found, axis=1) == keras.argmax(axis=1)).mean()
        measurements.check("agreement", f"{name}, {key}", float(same))


def test_float_scores_are_those_of_keras(compared: Compared, measurements: Measurements) -> None:
    """Proves that float files stay within their bounds on photographs too."""
    name, scores, keras = compared
    for key, found in scores.items():
        precision = key.split(".")[1]
        if precision.startswith("float"):
            some = spread(len(keras))
            difference = largest_difference(np.array(found)[some], keras[some])
            measurements.check(f"photographs {precision}", f"{name}, {key.split()[1]}", difference)


def test_shipped_bundle_knows_photographs_as_they_were_taken() -> None:
    """Proves that the shipped network sees what a photograph shows, and not how its file was made.

    The training photographs are squashed and compressed copies. A network that judged by that called 28 % of the
    originals neither.
    """
    [folder] = SHIPPED.values()
    if not (ORIGINALS.exists() and PHOTOGRAPHS.exists()):
        pytest.skip(f"needs {ORIGINALS.relative_to(ROOT.parent)} and {PHOTOGRAPHS.relative_to(ROOT.parent)}")
    classifier = Classifier.open(folder)
    pairs = [
        (path, PHOTOGRAPHS / label.capitalize() / f"{path.stem.split('.')[1]}.jpg")
        for label in ("cat", "dog")
        for path in sorted((ORIGINALS / label).iterdir())
    ]
    known = [pair for pair in pairs if pair[1].exists()]
    assert len(known) > 300
    same = [classifier.classify(taken).label == classifier.classify(squashed).label for taken, squashed in known]
    assert np.mean(same) >= 0.95
