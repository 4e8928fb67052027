"""What answers are worth: shares by hand, where files disagree, and scores from real processes."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.errors import BenchmarkError
from benchmarks.run.accuracy import find_disagreements, judge_file, score_files
from benchmarks.run.latency import list_configurations
from benchmarks.run.pictures import Pictures, load_all
from edge_runtime.bundle import read_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.picture.preprocessing import Preprocessing
from tests.benchmarks.conftest import pictures_of, write_pictures
from tests.benchmarks.records import one_way

LABELS = ("cat", "dog", "fox")


def known(targets, keras=None):
    """Pictures 0.png, 1.png ... of these true labels, with these Keras scores."""
    count = len(keras) if targets is None else len(targets)
    return Pictures(
        Path("data"),
        tuple(Path("data", f"{number}.png") for number in range(count)),
        tuple(f"hash {number}" for number in range(count)),
        None if targets is None else np.array(targets),
        None if keras is None else np.array(keras, float),
        "drawn",
    )


def sure(*answers, labels=3):
    """Scores of 0.8 for these answers, and the rest evenly for the others."""
    rest = 0.2 / (labels - 1)
    return np.full((len(answers), labels), rest) + np.eye(labels)[list(answers)] * (0.8 - rest)


def judge(scores, pictures, max_drop=0.01, labels=LABELS):
    return judge_file(one_way(), scores, pictures, labels=labels, max_drop=max_drop)


def test_the_share_of_right_answers_with_wilsons_interval():
    """Proves that four of five right are 80 %, with the interval that SciPy gives."""
    found = judge(sure(0, 1, 2, 2, 1), known([0, 1, 2, 2, 0]))
    assert found.answers == [0, 1, 2, 2, 1]
    assert found.accuracy == 0.8
    interval = binomtest(4, 5).proportion_ci(method="wilson")
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert (found.drift, found.gate) == (None, None)


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (0, 7), (7, 7), (93, 100)])
def test_intervals_of_none_all_and_most(right, count):
    """Proves that at the ends too the interval is SciPy's, and holds the share."""
    found = judge(sure(*([0] * right + [1] * (count - right))), known([0] * count))
    interval = binomtest(right, count).proportion_ci(method="wilson")
    assert found.interval == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert found.accuracy == right / count
    assert found.interval[0] - 1e-12 <= found.accuracy <= found.interval[1] + 1e-12


def test_confusion_has_a_row_for_each_true_label():
    """Proves that rows are true labels: of three cats one is taken for a fox, and the dog for a cat."""
    found = judge(sure(0, 0, 2, 0), known([0, 0, 0, 1]))
    assert found.confusion == [[2, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_confusion_counts_every_picture():
    """Proves that a count by another way gives the same, on 500 random answers of 3 labels."""
    rng = np.random.default_rng(0)
    targets, answers = rng.integers(0, 3, (2, 500))
    found = judge(sure(*answers), known(targets))
    for row in range(3):
        for column in range(3):
            assert found.confusion[row][column] == int(((targets == row) & (answers == column)).sum())
    assert np.trace(found.confusion) / 500 == found.accuracy


def test_without_true_labels_there_are_only_answers():
    """Proves that nothing is judged, and the answers are there to be compared."""
    found = judge(sure(2, 0), known(None, sure(2, 0)))
    assert found.answers == [2, 0]
    assert (found.accuracy, found.interval, found.confusion, found.drift) == (None,) * 4


def test_drift_is_against_keras_on_the_same_pictures():
    """Proves that a file that loses one of four is -25 points and agrees on three quarters."""
    targets = [0, 1, 2, 0]
    found = judge(sure(0, 1, 2, 1), known(targets, sure(*targets)))
    assert found.drift["difference"] == -0.25
    assert found.drift["agreement"] == 0.75
    assert (found.drift["right_to_wrong"], found.drift["wrong_to_right"]) == (1, 0)
    assert found.drift["largest_difference"] == pytest.approx(0.7)
    assert found.drift["accuracy"] == found.accuracy
    json.dumps(found.drift, allow_nan=False)


def test_drift_is_told_by_class_where_there_are_pictures():
    """Proves that the class that lost a picture has the drift, one without a picture has no entry."""
    found = judge(sure(0, 0, 0), known([0, 1, 1], sure(0, 1, 0)))
    by_class = found.drift["by_class"]
    assert by_class.keys() == {"cat", "dog"}
    assert by_class["cat"]["difference"] == 0
    assert (by_class["dog"]["difference"], by_class["dog"]["pictures"]) == (-0.5, 2)


@pytest.mark.parametrize(
    ("lost", "max_drop", "state"), [(0, 0.01, "passed"), (100, 0.01, "failed"), (10, 0.01, "inconclusive"),
                                    (10, 0.05, "passed")]
)  # fmt: skip
def test_the_gate_judges_by_the_drop_allowed(lost, max_drop, state):
    """Proves that of 1,000 none lost passes, 100 fail, and ten are undecided at 1 % and pass at 5 %."""
    targets = np.zeros(1000, int)
    answers = np.zeros(1000, int)
    answers[:lost] = 1
    found = judge(sure(*answers), known(targets, sure(*targets)), max_drop)
    assert found.gate["state"] == state
    assert found.gate["max_drop"] == max_drop


def test_disagreements_are_the_rows_on_which_not_all_agree():
    """Proves that of three files the one picture on which one of them differs is found, with all scores."""
    scores = {"a": sure(0, 1, 2), "b": sure(0, 1, 2), "c": sure(0, 2, 2)}
    (found,) = find_disagreements(scores, known([0, 1, 2]), LABELS)
    assert (found.picture, found.sha256, found.label) == ("1.png", "hash 1", "dog")
    assert found.scores == {"a": [0.1, 0.8, 0.1], "b": [0.1, 0.8, 0.1], "c": [0.1, 0.1, 0.8]}


def test_keras_is_one_of_them_and_comes_first():
    """Proves that a single file is compared with the Keras scores of the bundle."""
    (found,) = find_disagreements({"a": sure(0, 1)}, known([0, 0], sure(0, 0)), LABELS)
    assert list(found.scores) == ["Keras", "a"]
    assert found.picture == "1.png"


def test_the_widest_spread_comes_first_and_ties_keep_their_order():
    """Proves that spreads of 0.2, 0.8, 0.2 and 0.5 come as 0.8, 0.5, and the two of 0.2 in their order."""
    first = np.array([[0.6, 0.4], [0.9, 0.1], [0.6, 0.4], [0.75, 0.25]])
    found = find_disagreements({"a": first, "b": 1 - first}, known([0, 0, 0, 0]), LABELS)
    assert [item.picture for item in found] == ["1.png", "3.png", "0.png", "2.png"]


def test_a_wide_spread_without_another_label_is_no_disagreement():
    """Proves that scores may differ much as long as the label is the same."""
    scores = {"a": np.array([[0.99, 0.01]]), "b": np.array([[0.51, 0.49]])}
    assert find_disagreements(scores, known([0]), LABELS) == ()


def test_no_scores_and_one_file_alone_disagree_with_nobody():
    """Proves that a run stopped before it scored has no disagreements, nor has one file without Keras."""
    assert find_disagreements({}, known([0, 1]), LABELS) == ()
    assert find_disagreements({"a": sure(0, 1)}, known([0, 1]), LABELS) == ()


def test_at_most_200_are_kept():
    """Proves that of 300 those 200 are kept that have the widest spread."""
    first = np.column_stack([np.linspace(0.51, 0.99, 300), np.linspace(0.49, 0.01, 300)])
    found = find_disagreements({"a": first, "b": 1 - first}, known([0] * 300), LABELS)
    assert [item.picture for item in found] == [f"{number}.png" for number in range(299, 99, -1)]


def test_without_true_labels_disagreements_have_none():
    """Proves that they are found all the same, and scores have five decimals."""
    scores = {"a": np.array([[0.1234567, 0.8765433]]), "b": np.array([[0.9, 0.1]])}
    (found,) = find_disagreements(scores, known(None, [[0, 1]]), LABELS)
    assert found.label is None
    assert found.scores["a"] == [0.12346, 0.87654]


def ways_of(bundle):
    """Return one configuration of each file of a bundle."""
    return list_configurations(read_bundle(bundle), (1,))


@pytest.fixture
def scored(bench_bundle, tmp_path):
    """A bundle of two files, the pixels of 60 pictures, and their number."""
    pictures = pictures_of(write_pictures(tmp_path / "pictures", 60), bench_bundle)
    load_all(pictures, Preprocessing(16, 16), tmp_path / "pixels.npy")
    return bench_bundle, tmp_path / "pixels.npy", len(pictures)


def test_scores_are_those_of_the_classifier(scored):
    """Proves that each file's own process gives what the classifier gives here, in the order of the rows."""
    bundle, pixels, count = scored
    ways = ways_of(bundle)
    found = dict(score_files(bundle, ways, pixels, count))
    assert found.keys() == set(ways)
    for way, scores in found.items():
        classifier = Classifier.open(bundle, precision=way.precision, threads=1)
        expected = [classifier.scores(picture) for picture in np.load(pixels)]
        np.testing.assert_allclose(scores, expected, atol=1e-6)
        assert scores.shape == (count, 2)


def test_fewer_pictures_are_the_first_rows_and_steps_are_told(scored):
    """Proves that 53 pictures of each of two files are two steps each: four in all, told from none to all."""
    bundle, pixels, _ = scored
    ways = ways_of(bundle)
    told = []
    found = dict(score_files(bundle, ways, pixels, 53, report=lambda done, total: told.append((done, total))))
    assert {len(scores) for scores in found.values()} == {53}
    assert told[0] == (0, 4)
    assert sorted(told) == [(number, 4) for number in range(5)]


def test_a_file_that_cannot_be_scored_does_not_cost_the_others(scored):
    """Proves that what is damaged is named when all others are done."""
    bundle, pixels, count = scored
    (bundle / "model.int8.tflite").write_bytes(b"x")
    found = {}
    with pytest.raises(BenchmarkError, match=r"model\.int8\.tflite .*exported"):
        found.update(score_files(bundle, ways_of(bundle), pixels, count))
    assert [way.precision for way in found] == ["float32"]


def test_who_stops_asking_leaves_no_process_behind(scored):
    """Proves that closing after the first file ends the others' processes within seconds."""
    bundle, pixels, count = scored
    results = score_files(bundle, ways_of(bundle), pixels, count)
    next(results)
    results.close()
    assert scorers_of(bundle) == []


def scorers_of(bundle):
    """Return the scoring processes of a bundle that still run."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
    return [line for line in lines if b"benchmarks.run.scorer" in line and str(bundle).encode() in line]


def _readable(path):
    try:
        path.read_bytes()
    except OSError:
        return False
    return True
