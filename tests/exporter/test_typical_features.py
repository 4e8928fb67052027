"""An export keeps what its network typically makes of each label."""

import numpy as np
import pytest

from edge_runtime.backends import open_model
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.teaching.base import stored_features
from edge_runtime.teaching.tail import read_network
from edge_runtime.teaching.tflite_file import features_file
from exporter.errors import SourceError
from exporter.source import read_keras_source, read_source, refuse_taught
from exporter.typical_features import ROWS, typical_features

CONTENT = (PRETRAINED / "model.int8.tflite").read_bytes()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Forty pictures of one colour with some noise."""
    noise = np.random.default_rng(0)
    colours = noise.integers(20, 236, (40, 1, 1, 3))
    return (colours + noise.integers(-20, 20, (40, 128, 128, 3))).astype(np.uint8)


def test_many_pictures_become_few_rows(pixels: np.ndarray) -> None:
    """Proves that each label gets 16 rows, or as many as it has pictures, and that rows are in their order."""
    examples = typical_features(CONTENT, pixels, [0] * 30 + [1] * 4 + [2] * 6, 3)
    assert examples is not None
    counts = examples.counts(3)
    assert 8 <= counts[0] <= ROWS
    assert counts[1:] == [4, 6]
    assert not examples.hashes.any()


def test_a_row_of_one_picture_is_its_features(pixels: np.ndarray) -> None:
    """Proves that rows are what the device computes, for the picture and for its mirror image."""
    examples = typical_features(CONTENT, pixels[:2], [0, 1], 2)
    assert examples is not None
    network = read_network(CONTENT)
    model = open_model("litert", features_file(network), 1)
    for row, picture in zip(examples.features, pixels, strict=False):
        mirrored = np.ascontiguousarray(picture[:, ::-1])
        assert np.array_equal(row[0], stored_features(model, network, picture))
        assert np.array_equal(row[1], stored_features(model, network, mirrored))


def test_rows_are_means_of_pictures_that_are_alike(pixels: np.ndarray) -> None:
    """Proves that the rows lie among the pictures: each picture is nearer to a row than the pictures are wide."""
    examples = typical_features(CONTENT, pixels, [0] * 38 + [1] * 2, 2)
    assert examples is not None
    network = read_network(CONTENT)
    model = open_model("litert", features_file(network), 1)
    features = np.array([stored_features(model, network, picture) for picture in pixels[:38]], float)
    rows = examples.features[examples.targets == 0, 0].astype(float)
    nearest = np.sqrt(((features[:, None] - rows[None]) ** 2).sum(axis=2).min(axis=1))
    spread = np.sqrt(((features - features.mean(axis=0)) ** 2).sum(axis=1))
    assert nearest.mean() < 0.7 * spread.mean()


def test_it_is_the_same_each_time(pixels: np.ndarray) -> None:
    """Proves that an export gives the same rows again."""
    first, second = (typical_features(CONTENT, pixels, [0, 1] * 20, 2) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.packed() == second.packed()


@pytest.mark.parametrize("targets", [[0] * 40, [0] * 20 + [-1] * 20])
def test_without_pictures_of_a_label_there_are_none(targets: list[int], pixels: np.ndarray) -> None:
    """Proves that nothing is claimed where a label has no picture, as with a calibration folder of others."""
    assert typical_features(CONTENT, pixels, targets, 2) is None


def test_without_a_last_layer_there_are_none(pixels: np.ndarray, tflite_echo: bytes) -> None:
    """Proves that a file whose end cannot be replaced stops no export."""
    assert typical_features(tflite_echo, pixels[:, :16, :16], [0, 1] * 20, 2) is None


def test_a_taught_bundle_is_exported_to_nothing(tmp_path) -> None:
    """Proves that each way into an export refuses a bundle that was taught, in its words, and no other bundle."""
    (tmp_path / "manifest.json").write_bytes((PRETRAINED / "manifest.json").read_bytes())
    refuse_taught(tmp_path)
    manifest = (PRETRAINED / "manifest.json").read_text().replace('"extra": {', '"extra": {"taught": {},')
    (tmp_path / "manifest.json").write_text(manifest)
    for read in (
        lambda: read_source(tmp_path),
        lambda: read_keras_source(tmp_path / "model.int8.tflite", tmp_path, size=(128, 128)),
    ):
        with pytest.raises(SourceError, match="was taught on a device, and no other format"):
            read()
