"""What an epoch shows: crops of sharper pictures, mixed pictures, and the scores of a teacher."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.folders import RUN
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from edge_runtime.run_folder import SPLITS, Run, Side, write_json
from tests.trainer.conftest import KINDS, PLAN, SMALL, Silent, write_pets
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, add_crops, read_dataset
from trainer.data.negatives import add_negatives
from trainer.earlier_run import begin_with, read_teacher
from trainer.errors import RunError
from trainer.lessons import Lessons, epoch_batches
from trainer.network.architectures import compact_network, wide_network
from trainer.run_folder import start_run

PLAIN = TrainConfig(image_size=32, batch_size=8)


@pytest.fixture(scope="module")
def dataset(pets_dataset: Dataset, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The pets and twelve kinds of negatives, with crops from 40 pixels."""
    folder = write_pets(tmp_path_factory.mktemp("negatives") / "kinds", *KINDS, count=3)
    return add_crops(add_negatives(pets_dataset, folder, SMALL, 0, cache=cache), 40, cache=cache)


def test_crops_are_the_training_pictures_made_larger(dataset: Dataset) -> None:
    """Proves that each training picture, negatives as their copies, is found at the larger size, and no other."""
    crops = dataset.crops
    assert crops is not None
    assert dataset.copies
    for picture in dataset.sides[Side.TRAIN]:
        path = dataset.copies.get(picture.row, dataset.folder / picture.path)
        expected = load_picture(path, Preprocessing(40, 40))
        np.testing.assert_array_equal(crops.pixels[crops.row_of[picture.row]], expected)
    for side in (Side.VALIDATION, Side.TEST):
        assert (crops.row_of[dataset.rows(side)] == -1).all()


def test_an_epoch_is_cut_from_the_crops(dataset: Dataset) -> None:
    """Proves that the pictures and targets of an epoch are those of the crops, drawn negatives beside them."""
    crops = dataset.crops
    assert crops is not None
    batches = list(epoch_batches(dataset, replace(PLAIN, image_size=40), 0))
    shown = {picture.tobytes(): target for pixels, targets in batches for picture, target in zip(pixels, targets)}  # noqa: B905
    for picture in dataset.sides[Side.TRAIN]:
        assert shown.pop(crops.pixels[crops.row_of[picture.row]].tobytes()) == picture.label
    assert set(shown.values()) <= {2}  # drawn


def test_plain_lessons_are_the_labels() -> None:
    """Proves that without options pictures stay as they are and the answer is the label, as share or one-hot."""
    pixels, targets = np.zeros((3, 4, 4, 3), np.uint8), np.array([0, 1, 1], np.float32)
    same, expected = Lessons(PLAIN, 0, None).of(pixels, targets, 1)
    assert same is pixels
    assert expected.tolist() == [[0], [1], [1]]
    assert Lessons(PLAIN, 0, None).of(pixels, targets, 2)[1].tolist() == [[1, 0], [0, 1], [0, 1]]


def test_share_of_mixed_batches() -> None:
    """Proves that about as many batches are mixed as asked for, the same ones for the same epoch and seed."""
    pixels = np.arange(2, dtype=np.uint8)[:, None, None, None] * np.ones((2, 8, 8, 3), np.uint8)
    targets = np.arange(2, dtype=np.float32)

    def mixed(number: int) -> list[bool]:
        lessons = Lessons(replace(PLAIN, cutmix=0.3), number, None)
        return [lessons.of(pixels, targets, 2)[0] is not pixels for _ in range(300)]

    assert np.mean(mixed(0)) == pytest.approx(0.3, abs=0.08)
    assert mixed(0) == mixed(0)
    assert mixed(0) != mixed(1)


@pytest.mark.usefixtures("keras_started")
def test_a_teacher_is_asked_about_what_is_shown() -> None:
    """Proves that answers are labels and the teacher's scores of the very pictures, in the shares asked for."""
    teacher = compact_network(32, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    targets = np.array([0, 1, 2, 1], np.float32)
    shown, expected = Lessons(replace(PLAIN, cutmix=1.0, teacher_share=1.0), 0, teacher).of(pixels, targets, 3)
    np.testing.assert_allclose(expected, teacher.predict_on_batch(shown), rtol=1e-5)
    _, expected = Lessons(replace(PLAIN, teacher_share=0.25), 0, teacher).of(pixels, targets, 3)
    scores = teacher.predict_on_batch(pixels)
    np.testing.assert_allclose(expected, 0.75 * np.eye(3)[[0, 1, 2, 1]] + 0.25 * scores, rtol=1e-5)


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
