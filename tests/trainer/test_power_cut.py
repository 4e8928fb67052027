"""What a training run reports as done is on the disk: seen by copying the disk at that moment."""

from pathlib import Path

import pytest

from edge_runtime.run_folder import Epoch
from tests.disks import after_a_power_cut
from trainer.checkpoint import FitState, read_checkpoint, read_state, write_checkpoint
from trainer.config import TrainConfig, read_config
from trainer.run_folder import finish_run, start_run


def epoch(number: int) -> Epoch:
    """Return the figures of an epoch."""
    return Epoch(1 / number, 0.5, 1 / number, 0.5, 1.0, 0.0)


def test_checkpoints_survive_a_power_cut(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that after each epoch the disk holds the config, the state, and the network that the state names."""
    keras = pytest.importorskip("keras")
    folder, image = disk
    run = start_run(folder / "runs", "a", TrainConfig(seed=7))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    history: tuple[Epoch, ...] = ()
    for number in (1, 2):
        history += (epoch(number),)
        model.set_weights([weights + number for weights in model.get_weights()])
        write_checkpoint(run, model, FitState(history))
        with after_a_power_cut(image, tmp_path) as left:
            kept = left / "runs" / ".a.partial"
            assert read_config(kept / "config.toml", {}).seed == 7
            assert read_state(kept).history == history
            read = read_checkpoint(kept, number - 1)
            assert all((a == b).all() for a, b in zip(read.get_weights(), model.get_weights(), strict=True))


def test_a_finished_run_survives_a_power_cut(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that a run which has its final name is whole on the disk, and has no other name there."""
    folder, image = disk
    run = start_run(folder / "runs", "a", TrainConfig())
    (run / "model.keras").write_bytes(b"w" * 500_000)
    finish_run(run, folder / "runs", "a")
    with after_a_power_cut(image, tmp_path) as left:
        assert [path.name for path in (left / "runs").iterdir()] == ["a"]
        assert (left / "runs" / "a" / "model.keras").read_bytes() == b"w" * 500_000
