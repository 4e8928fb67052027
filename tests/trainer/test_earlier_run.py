"""The network of an earlier run as a teacher or as a start: used where it fits, refused where it does not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.folders import RUN
from edge_runtime.run_folder import SPLITS, Run, Side, write_json
from tests.trainer.conftest import KINDS, PLAN, SMALL, Silent, write_pets
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, read_dataset
from trainer.data.negatives import add_negatives
from trainer.earlier_run import begin_with, read_teacher
from trainer.errors import RunError
from trainer.network.architectures import compact_network, report_network, wide_network
from trainer.run_folder import start_run

PLAIN = TrainConfig(image_size=32, batch_size=8)


@pytest.fixture(scope="module")
def dataset(pets_dataset: Dataset, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The pets and twelve kinds of negatives."""
    folder = write_pets(tmp_path_factory.mktemp("negatives") / "kinds", *KINDS, count=3)
    return add_negatives(pets_dataset, folder, SMALL, 0, cache=cache)


@pytest.fixture(scope="module")
def wide_run(pets: Path, pets_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of an untrained wide network on the split of the pets."""
    run = tmp_path_factory.mktemp("runs") / "wide"
    run.mkdir()
    wide_network(32, 1).save(run / "model.keras")
    write_json(run / RUN, Run("wide", ("cat", "dog"), SMALL, "wide", str(pets), 0, {}).to_dict())
    write_json(run / SPLITS, pets_dataset.splits().to_dict())
    return run


@pytest.mark.usefixtures("keras_started")
def test_a_pupil_learns_from_a_run(pets: Path, cache: Path, wide_run: Path, tmp_path: Path) -> None:
    """Proves that a run can name its teacher, also where pictures grow and crops come from larger ones."""
    from trainer.training import train

    config = TrainConfig(
        str(pets), architecture="compact", image_size=32, epochs=2, batch_size=8, first_side=32, last_side=48,
        source_side=40, cutmix=0.5, teacher=str(wide_run), validation_fraction=0.2, test_fraction=0.2,
    )  # fmt: skip
    start_run(tmp_path, "pupil", config)
    folder, _ = train(config, "pupil", runs=tmp_path, observer=Silent(), cache=cache)
    assert "teacher = " in (folder / "config.toml").read_text()


@pytest.mark.usefixtures("keras_started")
def test_a_teacher_that_saw_the_test_is_refused(
    pets: Path, pets_dataset: Dataset, cache: Path, wide_run: Path
) -> None:
    """Proves that what a teacher knows of test or validation pictures cannot reach its pupil."""
    read_teacher(wide_run, pets_dataset, PLAIN)
    other = read_dataset(pets, SMALL, replace(PLAN, seed=1), cache=cache)
    with pytest.raises(RunError, match=r"trained on \d+ pictures that are to validate or test .*seed"):
        read_teacher(wide_run, other, PLAIN)


@pytest.mark.usefixtures("keras_started")
def test_unfit_teachers_are_refused(
    pets_dataset: Dataset, dataset: Dataset, wide_run: Path, finished: object, tmp_path: Path
) -> None:
    """Proves that no run, a damaged network, other labels and other sides are each one error."""
    with pytest.raises(RunError, match="no finished run there"):
        read_teacher(tmp_path, pets_dataset, PLAIN)
    with pytest.raises(RunError, match="expected a network of the labels cat, dog, neither, received cat, dog"):
        read_teacher(wide_run, dataset, PLAIN)
    damaged = shutil.copytree(wide_run, tmp_path / "damaged")
    (damaged / "model.keras").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"model.keras: cannot be read.*again"):
        read_teacher(damaged, pets_dataset, PLAIN)
    fixed = finished.folder  # type: ignore[attr-defined]
    read_teacher(fixed, pets_dataset, PLAIN)
    with pytest.raises(RunError, match="takes pictures of 32 pixels only"):
        read_teacher(fixed, pets_dataset, replace(PLAIN, last_side=48))


@pytest.mark.usefixtures("keras_started")
def test_a_run_goes_on_from_another(
    pets: Path, pets_dataset: Dataset, cache: Path, wide_run: Path, tmp_path: Path
) -> None:
    """Proves that training begins with the weights of the run that is named, also where pictures grow."""
    from trainer.training import train

    config = TrainConfig(
        str(pets), architecture="wide", image_size=32, epochs=1, batch_size=8, learning_rate=1e-8, optimizer="sgd",
        first_side=32, last_side=48, start=str(wide_run), validation_fraction=0.2, test_fraction=0.2,
    )  # fmt: skip
    start_run(tmp_path, "again", config)
    folder, _ = train(config, "again", runs=tmp_path, observer=Silent(), cache=cache)
    before, after = (trained_weights(run) for run in (wide_run, folder))
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(old, new, atol=1e-5)


def trained_weights(run: Path) -> list[np.ndarray]:
    """Return the weights of a run's network that training moves, which are others in every network that begins."""
    import keras

    model = keras.saving.load_model(run / "model.keras", compile=False)
    return [np.asarray(weight) for weight in model.trainable_weights]


@pytest.mark.usefixtures("keras_started")
def test_unfit_starts_are_refused(pets: Path, pets_dataset: Dataset, cache: Path, wide_run: Path) -> None:
    """Proves that another architecture and a run that has seen the test pictures are each one error."""
    config = replace(PLAIN, architecture="compact")
    with pytest.raises(RunError, match="architecture compact for pictures of 32 pixels, received wide"):
        begin_with(compact_network(32, 1), wide_run, pets_dataset, config)
    other = read_dataset(pets, SMALL, replace(PLAN, seed=1), cache=cache)
    with pytest.raises(RunError, match=r"trained on \d+ pictures that are to validate or test"):
        begin_with(wide_network(32, 1), wide_run, other, replace(PLAIN, architecture="wide"))


@pytest.mark.usefixtures("keras_started")
def test_a_teacher_of_any_side_has_the_weights_of_the_run(wide_run: Path, pets_dataset: Dataset) -> None:
    """Proves that a teacher takes pictures of other sides, with the very weights of its run."""
    import keras

    teacher = read_teacher(wide_run, pets_dataset, replace(PLAIN, last_side=48))
    assert teacher.input_shape == (None, None, None, 3)
    saved = keras.saving.load_model(wide_run / "model.keras", compile=False)
    for old, new in zip(saved.get_weights(), teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert teacher.predict_on_batch(np.zeros((1, 48, 48, 3), np.uint8)).shape == (1, 1)


@pytest.mark.usefixtures("keras_started")
@pytest.mark.parametrize("name", [RUN, SPLITS])
def test_a_damaged_run_is_an_error_of_the_trainer(
    wide_run: Path, pets_dataset: Dataset, tmp_path: Path, name: str
) -> None:
    """Proves that damage to either file frees the name of the new run: the trainer knows it as its own error."""
    run = shutil.copytree(wide_run, tmp_path / "run")
    (run / name).write_text("{")
    for use in (
        lambda: read_teacher(run, pets_dataset, PLAIN),
        lambda: begin_with(wide_network(32, 1), run, pets_dataset, PLAIN),
    ):
        with pytest.raises(RunError, match=rf"{name}: "):
            use()


@pytest.mark.usefixtures("keras_started")
def test_validation_pictures_count_as_much_as_test_pictures(
    wide_run: Path, pets_dataset: Dataset, tmp_path: Path
) -> None:
    """Proves that one picture trained on that is to validate the new network is seen, and counted."""
    run = shutil.copytree(wide_run, tmp_path / "run")
    splits = json.loads((run / SPLITS).read_text())
    held_back = next(file for file in splits["files"] if file["side"] == Side.VALIDATION)
    held_back["side"] = "train"
    (run / SPLITS).write_text(json.dumps(splits))
    with pytest.raises(RunError, match="was trained on 1 pictures that are to validate or test the new network"):
        read_teacher(run, pets_dataset, PLAIN)


@pytest.mark.usefixtures("keras_started")
def test_a_start_of_another_side_is_refused(wide_run: Path, pets_dataset: Dataset, finished: object) -> None:
    """Proves that a network whose weights depend on the side of its input is not begun with at another side."""
    run = finished.folder  # type: ignore[attr-defined]
    with pytest.raises(RunError, match="architecture report for pictures of 48 pixels, received report for 32"):
        begin_with(report_network(48, 1), run, pets_dataset, replace(PLAIN, architecture="report", image_size=48))
