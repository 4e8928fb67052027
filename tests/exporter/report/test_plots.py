"""The plots of an export are its numbers, whatever the names."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from exporter.network.confidence import Temperature
from exporter.preparation import Baseline, Confidence
from exporter.report.plots import (
    _COLOURS,
    flipped,
    flips_name,
    plot_differences,
    plot_flips,
    plot_reliability,
)
from tests.exporter.records import CLOSE, KERAS, TURNED, file_of, of_truth, record_of, with_labels


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures that were saved; they are written as ever."""
    figures: list[Figure] = []
    save = Figure.savefig

    def remember(figure, *arguments, **options):
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", remember)
    return figures


def test_each_file_has_its_interval_in_points(tmp_path, drawn):
    """Proves that difference, interval, limit and the colour of the verdict are those of each file."""
    files = (file_of("float32", KERAS, max_drop=0.5), file_of("float16", CLOSE), file_of("int8", TURNED))
    plot_differences(record_of(*files, max_drop=0.02), tmp_path / "d.png")
    (axes,) = drawn[0].axes
    *lines, zero, limit = axes.lines
    assert [label.get_text() for label in axes.get_yticklabels()] == [file.name for file in reversed(files)]
    for row, (file, interval, point) in enumerate(zip(reversed(files), lines[::2], lines[1::2], strict=True)):
        low, high = file.check.drift.difference_interval
        assert list(interval.get_xdata()) == [100 * low, 100 * high]
        assert list(interval.get_ydata()) == [row, row]
        assert list(point.get_xdata()) == [100 * file.check.drift.difference]
        assert interval.get_color() == point.get_color() == _COLOURS[file.check.verdict.state]
    assert len({line.get_color() for line in lines}) == 3
    assert (list(zero.get_xdata()), list(limit.get_xdata())) == ([0, 0], [-2, -2])


def curves(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """Return confidence and share of each curve with error bars, by its label."""
    lines = {container.get_label(): container[0] for container in figure.axes[0].containers}
    return {label: (list(line.get_xdata()), list(line.get_ydata())) for label, line in lines.items()}


def test_reliability_is_worked_out_by_hand(tmp_path, drawn):
    """Proves that confidences are binned by tenths, 1.0 with those from 0.9, and empty bins leave no point."""
    sure = of_truth([1.0, 0.95, 0.62, 0.36, 0.9, 0.92, 0.66, 0.2])
    plot_reliability(record_of(file_of("int8", sure)), tmp_path / "r.png")
    found = curves(drawn[0])
    assert list(found) == ["Keras as trained", "model.int8.tflite, the worst file"]
    confidence, share = found["model.int8.tflite, the worst file"]
    assert confidence == pytest.approx([(0.62 + 0.64 + 0.66) / 3, 0.8, (1.0 + 0.95 + 0.9 + 0.92) / 4])
    assert share == pytest.approx([2 / 3, 0, 1])
    assert found["Keras as trained"][1] == pytest.approx([0.5, 1, 1, 1])
    assert drawn[0].axes[0].get_xlim() == (0.48, 1.02)


def test_the_worst_file_is_the_worst_calibrated(tmp_path, drawn):
    """Proves that the third curve is of the file with the largest calibration error, wherever it stands."""
    files = (file_of("float32", KERAS), file_of("int8", TURNED), file_of("float16", CLOSE))
    plot_reliability(record_of(*files), tmp_path / "r.png")
    assert list(curves(drawn[0]))[-1] == "model.int8.tflite, the worst file"


def test_a_temperature_has_a_curve_of_its_own(tmp_path, drawn):
    """Proves that scores before and after the temperature are both drawn, each with its own numbers."""
    record = record_of(file_of("int8", KERAS))
    confidence = Confidence(Temperature(2.5, 40), 0.0)
    plot_reliability(replace(record, confidence=confidence, baseline=Baseline(CLOSE, KERAS)), tmp_path / "r.png")
    found = curves(drawn[0])
    assert list(found)[:2] == ["Keras as trained", "Keras with temperature 2.50"]
    assert found["Keras with temperature 2.50"][0] == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert found["Keras as trained"][0][0] == pytest.approx(0.55)


def test_flips_are_those_of_another_label_worst_first():
    """Proves that right to wrong comes first, by how much the true label lost, and an equal label never."""
    truth = np.array([0, 0, 0, 1, 1, 1])
    of_cat = np.array([[0.9, 0.8], [0.6, 0.4], [0.9, 0.1], [0.6, 0.3], [0.2, 0.9], [0.7, 0.9]])
    keras, file = (np.stack([column, 1 - column], axis=1) for column in of_cat.T)
    assert flipped(keras, file, truth).tolist() == [2, 4, 1, 3]


def test_flips_have_their_pictures_and_scores(tmp_path, drawn):
    """Proves that each picture is shown with its own pixels and the score of its true label in every file."""
    file = file_of("int8", CLOSE)
    record = record_of(file_of("float32", KERAS), file)
    plot_flips(record, file, tmp_path / flips_name(file))
    used = [axes for axes in drawn[0].axes if axes.images]
    for axes, row in zip(used, (7, 2, 3), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), record.pictures.test[row])
    titles = [axes.get_title(loc="left").splitlines() for axes in used]
    assert titles[0] == ["dog: Keras 0.600", "model.float32.tflite 0.600", "model.int8.tflite 0.200"]
    assert titles[2] == ["cat: Keras 0.400", "model.float32.tflite 0.400", "model.int8.tflite 0.550"]
    assert drawn[0].get_suptitle() == "3 of 3 flips of model.int8.tflite: score of the true label"
    assert (tmp_path / "flips.int8.tflite.png").exists()


def test_only_so_many_flips_are_shown(tmp_path, drawn):
    """Proves that of 40 flips the 24 worst are drawn, and the title counts them all."""
    record = record_of(file_of("int8", TURNED))
    few = record.pictures
    pictures = replace(few, test=np.repeat(few.test, 5, axis=0), targets=np.repeat(few.targets, 5))
    file = record.files[0]
    file = replace(file, check=replace(file.check, scores=np.repeat(TURNED, 5, axis=0)))
    baseline = Baseline(np.repeat(KERAS, 5, axis=0), np.repeat(KERAS, 5, axis=0))
    plot_flips(replace(record, pictures=pictures, baseline=baseline, files=(file,)), file, tmp_path / "f.png")
    assert sum(bool(axes.images) for axes in drawn[0].axes) == 24
    assert drawn[0].get_suptitle().startswith("24 of 40 flips")


def test_no_flip_is_a_picture_too(tmp_path, drawn):
    """Proves that a file that failed without a flip in the pictures shown can be drawn."""
    record = record_of(file_of("int8", KERAS))
    plot_flips(record, record.files[0], tmp_path / "f.png")
    assert drawn[0].get_suptitle().startswith("0 of 0 flips")


@pytest.mark.parametrize("labels", [("$x$ \\dog", "c$a$t"), ("a name " * 12, "\n")])
def test_any_label_can_be_drawn(tmp_path, labels):
    """Proves that dollar signs, which mean formulas elsewhere, and odd lengths do not end an export."""
    record = with_labels(record_of(file_of("int8", CLOSE)), labels)
    plot_flips(record, record.files[0], tmp_path / "f.png")
    plot_reliability(record, tmp_path / "r.png")
    plot_differences(record, tmp_path / "d.png")
    for name in ("f.png", "r.png", "d.png"):
        with Image.open(tmp_path / name) as image:
            assert np.asarray(image.convert("L")).std() > 5
