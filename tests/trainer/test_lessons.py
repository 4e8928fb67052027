"""What an epoch shows: crops of sharper pictures, mixed pictures, and the scores of a teacher."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from edge_runtime.run_folder import Side
from tests.trainer.conftest import KINDS, PLAN, SMALL, write_class, write_pets
from trainer.config import TrainConfig
from trainer.data.balance import Balance
from trainer.data.dataset import Dataset, add_crops, read_dataset
from trainer.data.negatives import add_negatives
from trainer.lessons import Lessons, class_weights, epoch_batches, lesson_weights
from trainer.network.architectures import compact_network

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


def test_a_picture_of_a_small_class_counts_for_more(tmp_path: Path, cache: Path) -> None:
    """Proves that weights are the mean size over the class's size, with a mean of 1, and only where asked for."""
    write_class(tmp_path / "Cat", 10)
    write_class(tmp_path / "Dog", 30)
    made = read_dataset(tmp_path, SMALL, replace(PLAN, balance=Balance.NONE), cache=cache)
    assert np.bincount(made.targets(Side.TRAIN)).tolist() == [6, 18]
    weights = class_weights(made, TrainConfig(balance="weights"))
    assert weights is not None
    np.testing.assert_allclose(weights, [2.0, 2 / 3], rtol=1e-6)
    assert weights[made.targets(Side.TRAIN)].mean() == pytest.approx(1)
    assert class_weights(made, TrainConfig(balance="none")) is None
    assert class_weights(replace(made, neither=1), TrainConfig()) is None  # as if the second came of --negatives


def test_classes_of_one_size_are_trained_as_before(dataset: Dataset) -> None:
    """Proves that there are no weights, and so no other arithmetic, where the classes have the same size."""
    assert class_weights(dataset, TrainConfig(balance="weights")) is None
    assert lesson_weights(np.ones((2, 1), np.float32), None) is None


def test_a_mixed_answer_counts_by_its_parts() -> None:
    """Proves for one output and for several that a lesson counts as much as the labels in its answer."""
    weights = np.array([2.0, 0.5, 1.0], np.float32)
    expected = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]], np.float32)
    np.testing.assert_allclose(lesson_weights(expected, weights), [2.0, 1.25, 1.0])
    np.testing.assert_allclose(
        lesson_weights(np.array([[0], [1], [0.5]], np.float32), weights[:2]), [2.0, 0.5, 1.25]
    )
