"""Real bundles on real photographs, where both are: the same labels as the Keras model; docs/parity.md."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime import read_bundle
from tests.contract.measurements import Measurements, largest_difference
from tests.contract.probe import scores_of
from tests.environments import ROOT

COUNT = 500
# Runs with a bundle of the same name that were trained on photographs.
TRAINED_ON_PHOTOGRAPHS = ("petimages-report",)


@pytest.fixture(scope="module", params=TRAINED_ON_PHOTOGRAPHS)
def compared(request: pytest.FixtureRequest) -> tuple[Path, dict[str, Any], np.ndarray, np.ndarray]:
    """A bundle's folder, its scores by file and backend and those of Keras for test pictures, and true labels."""
    run, bundle = ROOT / "runs" / request.param, ROOT / "bundles" / request.param
    for needed in (run / "model.keras", bundle / "manifest.json", ROOT.parent / "shared/data/petimages"):
        if not needed.exists():
            pytest.skip(f"needs {needed.relative_to(ROOT.parent)}")
    pytest.importorskip("tensorflow", reason="TensorFlow runs the Keras model")
    from exporter.confidence import temper
    from exporter.keras_model import keras_scores, load_keras_model
    from exporter.source import load_split_pictures, read_source

    source = read_source(run)
    test = source.sides["test"]
    spread = [test[int(index)] for index in np.linspace(0, len(test) - 1, COUNT)]
    pixels, labels = load_split_pictures(tuple(spread), source.preprocessing)
    temperature = read_bundle(bundle).training["temperature"]["value"]
    keras = temper(keras_scores(load_keras_model(source), pixels), temperature)
    return bundle, scores_of(bundle, list(pixels))["scores"], keras, labels


def test_labels_are_those_of_keras(compared: Any, measurements: Measurements) -> None:
    """Proves that at least 99 % of 500 photographs get the Keras model's label, from every file."""
    folder, scores, keras, labels = compared
    assert len(labels) == COUNT
    assert np.ptp(np.bincount(labels)) < COUNT / 2
    for key, found in scores.items():
        same = (np.argmax(found, axis=1) == keras.argmax(axis=1)).mean()
        measurements.check("agreement", f"{folder.name}, {key}", float(same))


def test_float_scores_are_those_of_keras(compared: Any, measurements: Measurements) -> None:
    """Proves that float files keep their bounds on photographs too."""
    folder, scores, keras, _ = compared
    for key, found in scores.items():
        precision = key.split(".")[1]
        if precision.startswith("float"):
            measurements.check(precision, f"{folder.name}, {key.split()[1]}", largest_difference(found, keras))
