"""Keras files of networks: loaded with or without their optimiser, or refused with advice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.edge_runtime.test_keras_file import write_archive
from trainer.errors import RunError
from trainer.network.saved import load_network

pytestmark = pytest.mark.usefixtures("keras_started")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A small compiled network, and its file."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path, model


@pytest.mark.parametrize("compiled", [True, False])
def test_weights_and_optimiser_come_back(saved: tuple[Path, Any], compiled: bool) -> None:
    """Proves that the weights are those that were saved, and the optimiser is there only when asked for."""
    path, model = saved
    loaded = load_network(path, compiled=compiled, advice="")
    for old, new in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert (getattr(loaded, "optimizer", None) is not None) == compiled


def contents(path: Path) -> dict[str, bytes]:
    whole = path.read_bytes()
    return {"empty": b"", "no zip": b"not a zip", "cut off": whole[: len(whole) // 2], "a zip alone": b"PK"}


@pytest.mark.parametrize("damage", ["empty", "no zip", "cut off", "a zip alone"])
def test_a_damaged_file_is_one_error_with_the_advice(saved: tuple[Path, Any], tmp_path: Path, damage: str) -> None:
    """Proves that whatever Keras raises becomes our error, with the path and what the caller advises."""
    path = tmp_path / "model.keras"
    path.write_bytes(contents(saved[0])[damage])
    with pytest.raises(RunError, match=r"model\.keras: cannot be read .*\. Train that run again\.$") as caught:
        load_network(path, compiled=False, advice="Train that run again.")
    assert caught.value.__cause__ is not None


def test_a_missing_file_is_the_same_error(tmp_path: Path) -> None:
    """Proves that a run folder without its network names the file."""
    with pytest.raises(RunError, match=r"absent\.keras: cannot be read"):
        load_network(tmp_path / "absent.keras", compiled=True, advice="Delete it.")


def test_a_bomb_is_refused_before_keras_reads_it(tmp_path: Path) -> None:
    """Proves that an archive of 64 kB whose weights would be 64 MiB is one line."""
    path = write_archive(tmp_path / "bomb.keras", 64 * 2**20)
    with pytest.raises(RunError, match=r"bomb\.keras: cannot be read \(unpacks to too much: .* 67,108,864"):
        load_network(path, compiled=True, advice="Delete it.")
