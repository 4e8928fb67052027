"""`catdog-bench training-speed`: what it hands on and refuses. Its figures: figures/test_training_speed.py."""

import json

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures import training_speed
from tests.benchmarks.conftest import bench


def test_options_reach_the_comparison_and_its_figures_the_output(monkeypatch):
    """Proves that each option has its effect, and that the result is one JSON object."""
    calls = []

    def compare(data, **options):
        calls.append((str(data), options))
        return {"ratio_of_medians": 1.1}

    monkeypatch.setattr(training_speed, "compare", compare)
    assert json.loads(bench("training-speed", "--data", "pets").stdout) == {"ratio_of_medians": 1.1}
    bench("training-speed", "--data", "pets", "--limit-per-class", 100, "--rounds", 1)
    assert calls == [
        ("pets", {"limit_per_class": 800, "rounds": 3}),
        ("pets", {"limit_per_class": 100, "rounds": 1}),
    ]


def test_a_training_that_fails_is_one_line(monkeypatch):
    """Proves that an error of the comparison ends the command with exit code 1 and its text."""

    def compare(data, **options):
        raise BenchmarkError("no such data")

    monkeypatch.setattr(training_speed, "compare", compare)
    done = bench("training-speed", "--data", "pets")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "error: no such data\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--data'"),
        (("--data", "x", "--limit-per-class", 99), "Invalid value for '--limit-per-class'"),
        (("--data", "x", "--rounds", 0), "Invalid value for '--rounds'"),
    ],
)
def test_wrong_use_is_refused(arguments, words):
    """Proves that no minutes are spent on what cannot be compared."""
    done = bench("training-speed", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
