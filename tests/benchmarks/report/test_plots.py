"""Plots: real PNG and SVG files, and marks at the places that the figures say."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.report import plots
from benchmarks.report.plots import PLOTS, svg_plots, write_png
from benchmarks.run.record import STAGES
from edge_runtime.visible_text import visible
from tests.benchmarks.records import (
    HOSTILE,
    a_report,
    answers,
    full_report,
    measured,
    one_way,
    timed,
    without_keras,
    without_labels,
)

SVG = "{http://www.w3.org/2000/svg}"
POINTS = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of the plots of a full report."""
    folder = tmp_path_factory.mktemp("plots")
    write_png(full_report(), folder)
    return folder


def figure_of(name, report):
    """Return the figure of one plot, laid out."""
    figure = next(figure for found, figure in plots._figures(report) if found == name)
    figure.draw_without_rendering()
    return figure


@cache
def full_drawings():
    return svg_plots(full_report())


def marks(axes):
    """Return the places of single points, by label."""
    return {
        line.get_label(): (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }


def words(figure):
    """Return the words that a figure shows."""
    import matplotlib.text

    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize("name", PLOTS)
def test_a_png_is_a_picture_with_something_on_it(written, name):
    """Proves that each is a readable PNG of the width of a phone, white around and coloured within."""
    with Image.open(written / f"{name}.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == round(5.2 * 130)
        assert 100 < picture.height < 3000
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert all((edge == 255).all() for edge in edges)  # nothing is cut off
    assert 0.005 < (pixels.min(axis=2) < 200).mean() < 0.7  # ink and colour
    assert (np.ptp(pixels, axis=2) > 40).mean() > 0.0005  # not grey only


def test_every_plot_and_nothing_else_is_written(written):
    """Proves that the names are those that the report shows."""
    assert {path.name for path in written.iterdir()} == {f"{name}.png" for name in PLOTS}


@pytest.mark.parametrize("accuracy", [(), (without_labels(answers("int8")),)])
def test_without_accuracy_there_is_no_confusion(accuracy):
    """Proves that a stopped run and unknown labels leave out that one plot."""
    report = a_report(measured("int8", 2), accuracy=accuracy)
    assert [name for name, _ in plots._figures(report)] == [name for name in PLOTS if name != "confusion"]


def test_svg_is_well_formed_and_scales():
    """Proves that each drawing is XML without a size of its own, a foreign address or a date."""
    for name, text in full_drawings().items():
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg", name
        assert "viewBox" in root.attrib
        assert "width" not in root.attrib
        assert "height" not in root.attrib
        assert "<metadata" not in text
        assert "font-family" not in text
        assert len(root.findall(f".//{SVG}path")) >= 10
        assert root.findall(f".//{SVG}text")


def test_svg_is_the_same_each_time():
    """Proves that drawing again changes no letter, so that pages can be compared."""
    assert svg_plots(full_report()) == full_drawings()


def test_each_file_is_a_mark_at_its_latency_and_accuracy():
    """Proves that the places are the median in ms and the accuracy in per cent."""
    report = full_report()
    (axes,) = figure_of("latency-accuracy", report).axes
    found = marks(axes)
    assert len(found) == 2
    for item, accuracy in zip(report.measured, (99.7, 100), strict=True):
        x, y = found[f"{item.configuration.precision} tflite"]
        assert (x, y) == (item.total.median_ms, pytest.approx(accuracy))
        low, high = axes.get_xlim()
        assert low < x < high


def test_only_the_fastest_number_of_threads_is_a_mark():
    """Proves that a file with three numbers of threads is one mark, at its fastest."""
    items = [measured("int8", ms, threads=threads) for ms, threads in ((4, 1), (2, 2), (3, 4))]
    report = a_report(*items, accuracy=[answers("int8")])
    (axes,) = figure_of("latency-accuracy", report).axes
    assert [x for x, _ in marks(axes).values()] == [min(item.total.median_ms for item in items)]


def test_bars_reach_over_the_difference_from_keras():
    """Proves that the bar of accuracy is Keras plus the ends of the paired interval, or Wilson's without Keras."""
    for accuracy in (answers("int8", wrong=10), without_keras(answers("int8", wrong=10))):
        (axes,) = figure_of("latency-accuracy", a_report(measured("int8", 2), accuracy=[accuracy])).axes
        upright = [line for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]
        if accuracy.drift is None:
            expected = [100 * end for end in accuracy.interval]
        else:
            expected = [100 * (1 + end) for end in accuracy.drift["difference_interval"]]
        assert list(upright[0].get_ydata()) == pytest.approx(expected)
        flat = [
            line
            for line in axes.lines
            if list(line.get_xdata()) == list(measured("int8", 2).total.median_interval_ms)
        ]
        assert len(flat) == 1


def test_keras_is_a_line_where_it_is_known():
    """Proves that its accuracy of 100 % is drawn across, and not without it."""
    known = figure_of("latency-accuracy", full_report())
    unknown = figure_of(
        "latency-accuracy", a_report(measured("int8", 2), accuracy=[without_keras(answers("int8"))])
    )
    assert "Keras" in words(known)
    assert "Keras" not in words(unknown)
    (line,) = (line for line in known.axes[0].lines if line.get_label() == "Keras")
    assert list(line.get_ydata()) == [100, 100]


def test_a_file_that_was_not_scored_is_not_drawn_at_nought():
    """Proves that a run that was stopped while it scored shows the scored files only."""
    report = full_report(accuracy=[answers("float32")])
    (axes,) = figure_of("latency-accuracy", report).axes
    assert list(marks(axes)) == ["float32 tflite"]
    assert axes.get_ylim()[0] > 50


def test_without_any_accuracy_times_are_drawn_all_the_same():
    """Proves that both files are marks and that the axis says that it means nothing."""
    (axes,) = figure_of("latency-accuracy", full_report(accuracy=())).axes
    assert len(marks(axes)) == 2
    assert "not known" in axes.get_ylabel() or "unknown" in axes.get_ylabel()


@settings(deadline=None)
@given(POINTS)
def test_the_front_is_of_what_nothing_beats(points):
    """Proves against its definition that the front holds exactly the points that no other beats, fastest first."""

    def beaten(point):
        return any(x <= point[0] and y >= point[1] and (x, y) != point for x, y in points)

    front = plots._pareto(points)
    assert front == sorted({point for point in points if not beaten(point)})
    assert [y for _, y in front] == sorted(y for _, y in front)


def test_the_front_is_drawn_through_the_best():
    """Proves that a slower and less accurate file lies off the line, and that the line spans the plot."""
    items = [measured("int8", 2), measured("float16", 4), measured("float32", 6)]
    given_ = [answers("int8", wrong=20), answers("float16", wrong=30), answers("float32")]
    (axes,) = figure_of("latency-accuracy", a_report(*items, accuracy=given_)).axes
    (front,) = (line for line in axes.lines if line.get_label() == "Pareto front")
    xs, ys = front.get_xdata(), front.get_ydata()
    assert sorted(set(xs))[:2] == [item.total.median_ms for item in (items[0], items[2])]
    assert max(ys) == 100
    assert max(xs) == pytest.approx(axes.get_xlim()[1])
    assert 97.0 not in [round(float(y), 3) for y in ys]


def test_each_configuration_has_its_row_of_times():
    """Proves that rows are fastest first from the top, each with its median and its p95."""
    report = full_report()
    (axes,) = figure_of("distributions", report).axes
    assert tick_labels(axes.yaxis) == ["int8 tflite, 1", "float32 tflite, 1"]
    places = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axes.lines]
    expected = [
        (value, -row)
        for row, item in enumerate(report.measured)
        for value in (item.total.median_ms, item.total.p95_ms)
    ]
    assert places == expected
    assert len(axes.collections) == 2
    assert axes.get_xscale() == "log"


def test_times_that_never_differ_have_no_shape():
    """Proves that a configuration with one round, or the same time each round, is drawn by its marks alone."""
    report = a_report(timed(one_way("int8"), [2.0]), timed(one_way("float32"), [3.0] * 9))
    (axes,) = figure_of("distributions", report).axes
    assert len(axes.collections) == 0
    assert len(axes.lines) == 4


def test_a_single_outlier_does_not_stretch_the_plot():
    """Proves that what is beyond the 99th percentile is left out of the shape."""
    times = [*np.linspace(2, 3, 199), 5000.0]
    (axes,) = figure_of("distributions", a_report(timed(one_way(), times))).axes
    assert axes.get_xlim()[1] < 100


def test_stages_add_up_to_the_whole_way():
    """Proves that three bars a row lie end to end, each as long as its median."""
    report = full_report()
    (axes,) = figure_of("stages", report).axes
    assert [container.get_label() for container in axes.containers] == list(STAGES)
    for row, item in enumerate(report.measured):
        bars = [container[row] for container in axes.containers]
        assert [bar.get_width() for bar in bars] == [item.stage(stage).median_ms for stage in STAGES]
        assert bars[0].get_x() == 0
        for before, after in pairwise(bars):
            assert after.get_x() == pytest.approx(before.get_x() + before.get_width())
        assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx([-row] * 3)


def test_threads_are_a_line_for_each_file_in_their_order():
    """Proves that threads rise from left to right, whichever was fastest, and that the axis starts at 0."""
    items = [measured("int8", ms, threads=threads) for ms, threads in ((2, 4), (4, 1), (3, 2))]
    (axes,) = figure_of("threads", a_report(*items, measured("float32", 6))).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["int8 tflite"].get_xdata()) == [1, 2, 4]
    by_threads = sorted(items, key=lambda item: item.configuration.threads)
    assert list(lines["int8 tflite"].get_ydata()) == [item.stage("inference").median_ms for item in by_threads]
    assert list(lines["float32 tflite"].get_xdata()) == [1]
    assert list(axes.get_xticks()) == [1, 2, 4]
    assert axes.get_ylim()[0] == 0


def test_memory_and_size_are_bars_of_their_figures():
    """Proves that steady lies within peak, in MiB, and that size is in millions of bytes."""
    first = replace(measured("int8", 2), size_bytes=2_500_000)
    report = a_report(first, replace(measured("float32", 6), steady_mib=None, peak_mib=None))
    memory, size = figure_of("footprint", report).axes
    widths = {container.get_label(): [bar.get_width() for bar in container] for container in memory.containers}
    assert widths == {"peak": [60, 0], "steady": [50, 0]}
    assert [bar.get_width() for bar in size.containers[0]] == [2.5, 1.0]


def test_confusion_shows_counts_with_the_first_label_on_top():
    """Proves that rows are true labels and columns those given, and that shades are shares of a row."""
    accuracy = replace(answers("int8"), confusion=[[1990, 10], [30, 970]])
    figure = figure_of("confusion", a_report(measured("int8", 2), accuracy=[accuracy]))
    axes = figure.axes[0]
    cells = {(float(text.get_position()[1]), float(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert cells == {(1.5, 0.5): "1,990", (1.5, 1.5): "10", (0.5, 0.5): "30", (0.5, 1.5): "970"}
    assert tick_labels(axes.xaxis) == ["cat", "dog"]
    assert tick_labels(axes.yaxis) == ["dog", "cat"]  # from below
    np.testing.assert_allclose(axes.collections[0].get_array().ravel(), [0.03, 0.97, 0.995, 0.005])
    assert axes.get_title() == "int8 tflite"


def test_a_label_without_a_picture_has_no_share():
    """Proves that an empty row is shaded as 0 and divides by nothing."""
    accuracy = replace(answers("int8"), confusion=[[5, 0], [0, 0]])
    figure = figure_of("confusion", a_report(measured("int8", 2), accuracy=[accuracy]))
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_array().ravel(), [0, 0, 1, 0])


LONG = ("american staffordshire terrier", "soft-coated wheaten terrier")


@pytest.mark.parametrize(
    ("files", "labels", "shape"),
    [
        (1, ("cat", "dog"), (1, 2)),
        (2, ("cat", "dog"), (1, 2)),
        (4, ("cat", "dog"), (2, 3)),
        (3, ("cat", "dog", "neither"), (2, 2)),
        (2, ("a", "b", "c", "d", "e"), (1, 2)),
        (2, tuple("abcdefghijkl"), (2, 1)),
        (2, LONG, (2, 1)),
    ],
)
def test_matrices_have_room_for_their_labels(files, labels, shape):
    """Proves that each file has a matrix, as many side by side as fit, and that no word is cut off or covered."""
    precisions = ("int8", "float16", "float32", "dynamic")[:files]
    accuracy = [replace(answers(name), confusion=np.eye(len(labels), dtype=int).tolist()) for name in precisions]
    report = a_report(*(measured(name, 2) for name in precisions), accuracy=accuracy, labels=labels)
    figure = figure_of("confusion", report)
    assert len(figure.axes) == shape[0] * shape[1]
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in drawn] == [f"{name} tflite" for name in precisions]
    for axes in drawn:
        beside = sorted((box.x0, box.x1) for box in map(extent, axes.get_xticklabels()))
        assert all(right[0] >= left[1] for left, right in pairwise(beside))
        assert axes.get_window_extent().width > 30 * len(labels)
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title):
            assert within(extent(text), figure.bbox), text.get_text()


def extent(text):
    return text.get_window_extent()


def within(box, room):
    """Say whether a box lies in another one, to within a pixel."""
    return box.x0 >= -1 and box.y0 >= -1 and box.x1 <= room.x1 + 1 and box.y1 <= room.y1 + 1


def test_long_labels_are_cut_in_plots():
    """Proves that they end in an ellipsis, and that labels that fit are whole."""
    accuracy = replace(answers("int8"), confusion=[[5, 0], [0, 5]])
    figure = figure_of("confusion", a_report(measured("int8", 2), accuracy=[accuracy], labels=(LONG[0], "cat")))
    first, second = tick_labels(figure.axes[0].xaxis)
    assert second == "cat"
    assert first.endswith("…")
    assert LONG[0].startswith(first[:-1])
    assert len(first) >= 15


def test_nothing_is_cut_off_of_many_configurations(tmp_path):
    """Proves that with eleven rows and four files no letter or mark touches the edge of a picture."""
    items = [measured("int8", 2 + threads, threads=threads) for threads in range(1, 9)]
    items += [measured(precision, 20) for precision in ("float16", "float32", "dynamic")]
    write_png(
        a_report(*items, accuracy=[answers(name) for name in ("int8", "float16", "float32", "dynamic")]), tmp_path
    )
    for name in PLOTS:
        with Image.open(tmp_path / f"{name}.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])), name


@pytest.mark.parametrize("label", [HOSTILE, "$x^2$", "a\nb", "</svg><script>"])
def test_names_of_labels_are_shown_and_not_read(label):
    """Proves that dollars, marks of HTML and line breaks in labels are letters of the drawing."""
    drawing = plots._svg(figure_of("confusion", full_report(labels=(label, "dog"))), "confusion")
    root = ElementTree.fromstring(drawing)
    shown = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert shown.count(visible(label)) == 4  # two axes of two matrices
    assert root.findall(f".//{SVG}script") == []


def test_a_file_with_two_backends_is_told_apart():
    """Proves that two marks of one file have two names."""
    pair = [
        timed(one_way("int8", backend=backend), [2.0 + n] * 6)
        for n, backend in enumerate(("litert", "tflite-runtime"))
    ]
    for name in ("latency-accuracy", "threads"):
        (axes,) = figure_of(name, a_report(*pair)).axes
        names = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
        assert len({label for label in names if "int8" in label}) == 2


def test_many_configurations_make_a_taller_plot():
    """Proves that 20 rows have as much room for each as two, and that no label is drawn over another."""
    items = [measured("int8", 2 + threads, threads=threads) for threads in range(1, 21)]
    figure = figure_of("distributions", a_report(*items))
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    rows = sorted((box.y0, box.y1) for box in boxes)
    assert all(upper[0] >= lower[1] - 1 for lower, upper in pairwise(rows))
    assert figure.get_figheight() > 2 * figure_of("distributions", full_report()).get_figheight()


def test_drawing_leaves_matplotlib_as_it_was(tmp_path):
    """Proves that a program that draws its own plots too keeps its settings and its figures."""
    import matplotlib
    import matplotlib.pyplot as plt

    before, open_figures = dict(matplotlib.rcParams), plt.get_fignums()
    write_png(a_report(measured("int8", 2)), tmp_path)
    plots._svg(figure_of("stages", full_report()), "stages")
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == open_figures


def test_the_titles_are_those_of_the_documentation():
    """Proves that each plot of the published report is there and is a picture."""
    folder = Path(__file__).parents[3] / "docs"
    for name in PLOTS:
        (found,) = folder.rglob(f"{name}.png")
        with Image.open(found) as picture:
            assert picture.width > 600
