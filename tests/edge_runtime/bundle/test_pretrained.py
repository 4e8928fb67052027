"""The bundle that comes with the package is whole, small and the default, and it can answer neither."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edge_runtime import Classifier, read_bundle
from edge_runtime.bundle import Precision, default_bundle
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.cli import main
from edge_runtime.commands.selftest import run_selftest

LARGEST_INT8_BYTES = 1_100_000


def test_it_is_the_default_where_there_is_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a picture can be classified without any training, export or option."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 30), (90, 90, 90)).save("grey.png")
    assert default_bundle() == PRETRAINED
    done = CliRunner().invoke(main, ["classify", "grey.png"])
    assert done.exit_code == 0, done.output
    assert Classifier.open().bundle == read_bundle(PRETRAINED)


def test_it_is_small_and_int8() -> None:
    """Proves its labels, its precision and its size, and that it has a confidence threshold."""
    bundle = read_bundle(PRETRAINED)
    assert bundle.labels == ("cat", "dog", "neither")
    assert {file.precision for file in bundle.files} == {Precision.INT8}
    assert all(file.size_bytes <= LARGEST_INT8_BYTES for file in bundle.files)
    assert bundle.confidence_threshold > 0
    assert (PRETRAINED / "MODEL_CARD.md").is_file()


def test_it_passes_its_self_test() -> None:
    """Proves that its files are unchanged and give its pictures the scores of the export."""
    failed = [check for check in run_selftest(PRETRAINED) if not check.passed]
    assert failed == []


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((128, 128, 3), np.uint8),
        np.full((128, 128, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8),
        np.tile(np.arange(0, 256, 2, np.uint8)[:, None, None], (1, 128, 3)),
    ],
    ids=["black", "white", "noise", "gradient"],
)
def test_nothing_is_neither(pixels: np.ndarray) -> None:
    """Proves that an empty picture is not a confident cat or dog."""
    prediction = Classifier.open(PRETRAINED).classify(pixels)
    assert prediction.label == "neither" or not prediction.confident
