"""The class neither: whole kinds on one side, drawn pictures beside them, and a network that learns it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.run_folder import Side
from tests.trainer.conftest import KINDS, PLAN, SMALL, TINTS, Silent, draw_blocks, write_class, write_pets
from trainer.batches import DRAWN
from trainer.config import TrainConfig
from trainer.data.cache import cache_pictures
from trainer.data.dataset import Dataset, read_dataset
from trainer.data.negatives import add_negatives
from trainer.errors import DataError
from trainer.fit import _fitted_bias, _suspects, compile_network, predict_scores, right_odds
from trainer.lessons import training_rows
from trainer.run_folder import start_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve kinds of five pictures; a copy of an emu lies among the fish, a copy of a cat among the goats."""
    target = write_pets(tmp_path_factory.mktemp("negatives") / "kinds", *KINDS, count=5)
    draw_blocks((*b"emu", 0), (40, 40, 40)).resize((64, 64)).save(target / "fish" / "an_emu.png")
    draw_blocks((*b"cat", 3), TINTS["cat"]).save(target / "goat" / "a_cat.png")
    return target


@pytest.fixture(scope="module")
def dataset(pets_dataset: Dataset, folder: Path, cache: Path) -> Dataset:
    """The pets and the negatives, split."""
    return add_negatives(pets_dataset, folder, SMALL, 0, cache=cache)


def kinds_on(dataset: Dataset, side: Side) -> set[str]:
    return {Path(picture.path).parent.name for picture in dataset.sides[side] if picture.label == 2}


def test_adds_a_class(dataset: Dataset, pets_dataset: Dataset) -> None:
    """Proves that the classes stay as they were and the negatives come as one more, the last."""
    assert dataset.labels == ("cat", "dog", "neither")
    assert dataset.neither == 2
    for side in Side:
        assert [picture for picture in dataset.sides[side] if picture.label < 2] == list(pets_dataset.sides[side])
        assert kinds_on(dataset, side)


def test_kinds_stay_whole(dataset: Dataset) -> None:
    """Proves that no kind is on two sides, nor kinds that share a near-duplicate."""
    sides = [kinds_on(dataset, side) for side in Side]
    assert sum(map(len, sides)) == len(set.union(*sides)) == len(KINDS)
    assert any({"emu", "fish"} <= kinds for kinds in sides)


def test_a_picture_of_a_class_is_no_negative(dataset: Dataset) -> None:
    """Proves that a file that is also filed under a class is not trained on as neither."""
    assert not any(picture.path.endswith("a_cat.png") for side in Side for picture in dataset.sides[side])


def test_paths_lead_to_the_files(dataset: Dataset) -> None:
    """Proves that the paths in splits.json are found from the data folder, where the exporter looks."""
    negatives = [picture for side in Side for picture in dataset.sides[side] if picture.label == 2]
    assert all((dataset.folder / picture.path).is_file() for picture in negatives)


def test_trained_negatives_are_saved_as_the_classes_are(dataset: Dataset, cache: Path) -> None:
    """Proves that training sees copies of a class picture's size, and validation and test the files as they are."""
    copies = cache_pictures(sorted((cache / "matched").iterdir()), SMALL, cache=cache).entries
    for side in Side:
        for picture in dataset.sides[side]:
            if picture.label == 2 and side == Side.TRAIN:
                assert picture.row in {copy.row for copy in copies}
            elif picture.label == 2:
                own = cache_pictures([dataset.folder / picture.path], SMALL, cache=cache).entries[0]
                assert picture.row == own.row
    sizes = {Image.open(path).size for path in (cache / "matched").iterdir()}
    assert sizes <= {Image.open(dataset.folder / picture.path).size for picture in dataset.sides[Side.TRAIN]}


def test_epoch_has_more_negatives(dataset: Dataset) -> None:
    """Proves that an epoch holds each class picture once, each negative four times and drawn ones beside."""
    rows, targets = training_rows(dataset)
    counts = Counter(rows.tolist())
    drawn = counts.pop(DRAWN)
    of_negatives = {picture.row for picture in dataset.sides[Side.TRAIN] if picture.label == 2}
    assert drawn == round(0.04 * len(counts))
    assert all(count == (4 if row in of_negatives else 1) for row, count in counts.items())
    assert set(targets[rows == DRAWN]) == {2.0}


def test_suspects_are_not_trained_on(dataset: Dataset) -> None:
    """Proves that rows named as wrongly labelled are gone from an epoch, however often they come."""
    suspects = (dataset.sides[Side.TRAIN][0].row, dataset.sides[Side.TRAIN][-1].row)
    rows, targets = training_rows(dataset, suspects)
    assert not set(suspects) & set(rows.tolist())
    assert len(rows) == len(targets) == len(training_rows(dataset)[0]) - 5


def test_negatives_are_never_suspects(dataset: Dataset) -> None:
    """Proves that a network which answers cat to everything doubts the dogs, and no picture of neither."""
    from trainer.network.architectures import compact_network

    model = compact_network(32, 3)
    compile_network(model, TrainConfig(), 1)
    logits = model.get_layer("logits")
    logits.set_weights([np.zeros((176, 3)), np.array([9.0, 0, 0])])
    suspects = _suspects(model, dataset)
    assert suspects == tuple(picture.row for picture in dataset.sides[Side.TRAIN] if picture.label == 1)


def test_prior_of_neither_is_put_right(dataset: Dataset) -> None:
    """Proves that the odds of neither are scaled by pictures over training rows, those of the classes not."""
    from trainer.network.architectures import compact_network

    model = compact_network(32, 3)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    before = np.asarray(model(pictures))
    right_odds(model, dataset)
    after = np.asarray(model(pictures))
    there = sum(picture.label == 2 for picture in dataset.sides[Side.TRAIN])
    rows = int((training_rows(dataset)[1] == 2).sum())
    assert rows > 4 * there
    np.testing.assert_allclose(after[:, 1] / after[:, 0], before[:, 1] / before[:, 0], rtol=1e-4)
    np.testing.assert_allclose(after[:, 2] / after[:, 0], before[:, 2] / before[:, 0] * there / rows, rtol=1e-4)


def test_odds_of_neither_are_found_again() -> None:
    """Proves that a logit shown 1.5 too low, and all of them half as large, is put right by 1.5 halves."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 3))
    drawn = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)
    shown = np.exp((logits - [0, 0, 1.5]) / 2)
    assert _fitted_bias(shown / shown.sum(axis=1, keepdims=True), drawn, 2) == pytest.approx(0.75, abs=0.05)


def test_odds_come_from_validation_where_it_has_enough(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that with enough negatives there, what validation asks for is added to the logit of `neither`."""
    from trainer.network.architectures import compact_network

    model = compact_network(32, 3)
    scores = predict_scores(model, dataset, Side.VALIDATION)
    monkeypatch.setattr("trainer.fit._NEGATIVES_TO_FIT", 1)
    monkeypatch.setattr("trainer.fit._fitted_bias", lambda found, *_: 0.7 if np.array_equal(found, scores) else 0.0)
    right_odds(model, dataset)
    np.testing.assert_allclose(model.get_layer("logits").bias, [0, 0, 0.7], atol=1e-6)


def test_own_class_neither_is_refused(tmp_path: Path, folder: Path, cache: Path) -> None:
    """Proves that a data folder with a class of that name cannot take negatives too."""
    own = read_dataset(write_pets(tmp_path / "x", "Cat", "neither"), SMALL, PLAN, cache=cache)
    with pytest.raises(DataError, match="has a class neither already"):
        add_negatives(own, folder, SMALL, 0, cache=cache)


def test_too_few_kinds(tmp_path: Path, pets_dataset: Dataset, cache: Path) -> None:
    """Proves that kinds too few to hold any back are one error that says what to do."""
    folder = write_pets(tmp_path / "few", "hat", "emu", count=5)
    with pytest.raises(DataError, match=r"2 kinds are too few.* Add sub-folders"):
        add_negatives(pets_dataset, folder, SMALL, 0, cache=cache)


@pytest.mark.usefixtures("keras_started")
def test_a_compact_run_learns_three_answers(tmp_path: Path, folder: Path, cache: Path) -> None:
    """Proves that the whole recipe runs: other sides, cosine, averaged weights, cleaning; the result is float32."""
    import keras

    from trainer.training import train

    data = write_pets(tmp_path / "pets", count=40)
    write_class(data / "Cat", 1, first=900)
    config = TrainConfig(
        str(data), str(folder), "compact", "", "auto", 0.0, 255.0, 48, 8, 8, "muon",
        0.02, "cosine", 0.05, 0.1, 0.9, 32, 64,
        clean_labels=True, augment=True, keep_best=False, validation_fraction=0.2,
    )  # fmt: skip
    start_run(tmp_path / "runs", "three", config)
    run, evaluation = train(config, "three", runs=tmp_path / "runs", observer=Silent(), cache=cache)
    model = keras.saving.load_model(run / "model.keras")
    assert model.input_shape == (None, 48, 48, 3)
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert evaluation.accuracy > 0.5  # a third by chance
    assert set(evaluation.per_class) >= {"cat", "dog", "neither"}
