"""A training whose loss is no finite number any more stops, says why, and keeps the last network that was good."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import trainer.fit
from edge_runtime.run_folder import read_history, read_run_folder
from edge_runtime.strict_json import read_json
from tests.trainer.conftest import Silent
from trainer.cli import main
from trainer.config import TrainConfig
from trainer.divergence import require_finite
from trainer.errors import DivergedError
from trainer.run_folder import start_run
from trainer.training import train

pytestmark = pytest.mark.usefixtures("keras_started")


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_names_the_rate(loss: float) -> None:
    """Proves that the message has the place, the loss, the rate, the optimiser and a lower rate to try."""
    require_finite(1e30, TrainConfig(), "epoch 1, step 1")
    with pytest.raises(DivergedError) as caught:
        require_finite(loss, TrainConfig(optimizer="sgd", learning_rate=10.0), "epoch 2, step 7")
    assert str(caught.value) == (
        f"epoch 2, step 7: the loss is not finite ({loss}). The likely cause is the learning rate 10, which is too "
        "high for sgd. Train again with --learning-rate 0.01."
    )
    with pytest.raises(DivergedError, match=r"--learning-rate 1e-05\. Or leave out mixed_bfloat16"):
        require_finite(loss, TrainConfig(learning_rate=0.0001, mixed_bfloat16=True), "epoch 1, step 1")


def test_a_rate_that_is_too_high_ends_the_command_in_one_line(pets: Path, tmp_path: Path) -> None:
    """Proves that SGD at rate 10 ends with exit code 1 and one line, and leaves no run but one of finite epochs."""
    recipe = tmp_path / "sgd.toml"
    recipe.write_text('optimizer = "sgd"\nlearning_rate = 10.0\nimage_size = 32\nbatch_size = 8\nepochs = 6\n')
    options = ["--config", str(recipe), "--data", str(pets), "--name", "x", "--runs", str(tmp_path / "runs")]
    done = CliRunner().invoke(main, options, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert done.exit_code == 1, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "the loss is not finite" in line
    assert "learning rate 10, which is too high for sgd" in line
    assert "Traceback" not in done.output
    left = [path.name for path in tmp_path.glob("runs/*")]
    if "No epoch was done, so no network is kept." in line:
        assert left == []
    else:
        assert left == ["x"]
        assert f"{tmp_path / 'runs' / 'x'} has the network of epoch " in line
        read_json(tmp_path / "runs" / "x" / "history.json", finite=True)


def test_the_last_finite_network_is_kept(
    pets: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that a run that goes wrong in its second epoch is a whole run of the first, and says so everywhere."""
    honest = trainer.fit._train_epoch

    def too_fast(model: object, dataset: object, config: object, state: object, *others: object) -> object:
        if state.history:
            model.optimizer.learning_rate.assign(1e30)
        return honest(model, dataset, config, state, *others)

    monkeypatch.setattr("trainer.fit._train_epoch", too_fast)
    config = TrainConfig(str(pets), image_size=32, epochs=3, batch_size=8, validation_fraction=0.2)
    start_run(tmp_path, "wild", config)
    with pytest.raises(DivergedError, match=r"epoch 2, step \d+: the loss .* has the network of epoch 1") as caught:
        train(config, "wild", runs=tmp_path, observer=Silent(), cache=cache)
    assert str(tmp_path / "wild") in str(caught.value)
    found = read_run_folder(tmp_path / "wild")
    assert "learning rate 0.001" in found.run.extra["stopped"]
    (epoch,) = read_history(found)
    assert np.isfinite(list(vars(epoch).values())).all()
    read_json(found.folder / "history.json", finite=True)
    read_json(found.folder / "metrics.json", finite=True)
    assert "the loss is not finite" in (found.folder / "report.md").read_text()
    import keras

    assert all(np.isfinite(weight).all() for weight in keras.saving.load_model(found.model_path).get_weights())


def test_no_home_is_no_traceback(tmp_path: Path) -> None:
    """Proves that a command without HOME finds a temporary one before it fails for another reason."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer.cli", "--data", "absent", "--name", "x"],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    said, error = done.stderr.splitlines()
    assert said.startswith("no home folder that can be written to: ")
    assert error.startswith("error: absent: no such folder")
    assert not (tmp_path / "~").exists()
