"""The plots of a run: PNG files that show what they say, whatever the names and numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from edge_runtime.run_folder import Epoch, Side
from tests.trainer.conftest import Finished
from trainer.checkpoint import FitState
from trainer.evaluation import evaluate_scores
from trainer.plots import plot_confusion, plot_learning_curves, plot_mistakes

HISTORY = tuple(Epoch(1 / n, 0.5 + n / 10, 1.5 / n, 0.4 + n / 10, 10.0 * n, 0.01) for n in (1, 2, 3))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved; they are written as ever."""
    figures: list[Figure] = []
    save = Figure.savefig

    def remember(figure: Figure, *arguments: object, **options: object) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", remember)
    return figures


@pytest.mark.parametrize(("keep_best", "kept"), [(True, 2), (False, 3)])
def test_curves_are_the_history(tmp_path: Path, drawn: list[Figure], keep_best: bool, kept: int) -> None:
    """Proves that both plots have the figures of every epoch, and the mark stands at the kept one."""
    history = (*HISTORY[:2], replace(HISTORY[2], validation_loss=9.0))
    plot_learning_curves(FitState(history, keep_best), tmp_path / "l.png")
    for axes, quantity in zip(drawn[0].axes, ("accuracy", "loss"), strict=True):
        training, validation, mark = axes.lines
        assert list(training.get_xdata()) == list(validation.get_xdata()) == [1, 2, 3]
        assert list(training.get_ydata()) == [getattr(epoch, quantity) for epoch in history]
        assert list(validation.get_ydata()) == [getattr(epoch, f"validation_{quantity}") for epoch in history]
        assert list(mark.get_xdata()) == [kept, kept]
        assert axes.get_title() == quantity.capitalize()


def test_a_loss_that_is_no_number_can_be_drawn(tmp_path: Path) -> None:
    """Proves that a run that diverged still ends with its plots."""
    history = (HISTORY[0], replace(HISTORY[1], loss=float("nan"), validation_loss=float("inf")))
    plot_learning_curves(FitState(history), tmp_path / "l.png")
    assert (tmp_path / "l.png").stat().st_size > 5000


def test_each_cell_has_its_count_and_share(tmp_path: Path, drawn: list[Figure]) -> None:
    """Proves that rows are true labels, columns predicted ones, and shares are of the row."""
    scores = np.eye(2)[[0, 0, 0, 1, 1]]
    evaluation = evaluate_scores(scores, np.array([0, 0, 0, 0, 1]), ("cat", "dog"))
    plot_confusion(evaluation, ("cat", "dog"), tmp_path / "c.png")
    (axes,) = drawn[0].axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "3\n75.0%", (1, 0): "1\n25.0%", (0, 1): "0\n0.0%", (1, 1): "1\n100.0%"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.get_title() == "Test split, 5 pictures"


def test_mistakes_have_their_pictures(finished: Finished, tmp_path: Path, drawn: list[Figure]) -> None:
    """Proves that the sheet shows the pixels, path, wrong label and score of each mistake, in their order."""
    mistakes = [(3, 1, 0.95), (0, 0, 0.75)]
    plot_mistakes(finished.dataset, mistakes, tmp_path / "m.png")
    used = [axes for axes in drawn[0].axes if axes.images]
    for axes, (index, wrong, score) in zip(used, mistakes, strict=True):
        picture = finished.dataset.sides[Side.TEST][index]
        np.testing.assert_array_equal(axes.images[0].get_array(), finished.dataset.pixels[picture.row])
        assert axes.get_title() == f"{picture.path}\n{finished.dataset.labels[wrong]} {score:.1%}"


@pytest.mark.parametrize("name", ["learning_curves.png", "confusion.png", "mistakes.png"])
def test_plots_show_something(finished: Finished, name: str) -> None:
    """Proves that each plot is a PNG large enough to read, and not blank."""
    with Image.open(finished.folder / name) as image:
        assert image.format == "PNG"
        assert 250 <= image.width <= 3000
        assert 250 <= image.height <= 3000
        assert np.asarray(image.convert("L")).std() > 5


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8])
def test_contact_sheet_of_any_length(finished: Finished, tmp_path: Path, count: int) -> None:
    """Proves that no mistake, one, a full row and more all give a sheet as wide, higher with each row."""
    plot_mistakes(finished.dataset, [(index, 0, 0.9) for index in range(count)], tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as image:
        assert 1000 < image.width < 2000
        assert image.height > (400 if count > 6 else 150)


def test_plots_take_any_name(finished: Finished, tmp_path: Path) -> None:
    """Proves that dollar signs, long names and names that are no Unicode do not spoil a run at its end."""
    sides = {
        Side.TEST: tuple(replace(p, path="Cat/$x$\udcff_" + "long" * 20) for p in finished.dataset.sides[Side.TEST])
    }
    labels = ("c$a$t", "$\\dog$")
    dataset = replace(finished.dataset, sides=sides, labels=labels)
    plot_mistakes(dataset, [(0, 1, 0.9), (1, 0, 0.8)], tmp_path / "m.png")
    plot_confusion(finished.evaluation, labels, tmp_path / "c.png")


def test_confusion_of_many_classes(tmp_path: Path) -> None:
    """Proves that twelve classes, one of them without test pictures, can be drawn."""
    labels = tuple(f"class number {index}" for index in range(12))
    evaluation = evaluate_scores(np.eye(12)[:11], np.arange(11), labels)
    plot_confusion(evaluation, labels, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 5000


def test_curves_of_one_epoch(tmp_path: Path) -> None:
    """Proves that a single epoch can be drawn."""
    plot_learning_curves(FitState(HISTORY[:1]), tmp_path / "l.png")
    assert (tmp_path / "l.png").stat().st_size > 5000
