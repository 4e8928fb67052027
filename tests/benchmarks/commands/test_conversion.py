"""`catdog-bench conversion`: what it hands on and refuses. Its figures: figures/test_conversion.py."""

import json

import pytest

from benchmarks.figures import conversion
from tests.benchmarks.conftest import bench


@pytest.fixture
def asked(monkeypatch):
    """What the comparison is asked for, in the place of minutes of conversion."""
    calls = []

    def compare(run, bundle, **options):
        calls.append((str(run), str(bundle), options))
        return {"tflite": {"ratio_of_medians": 0.5}}

    monkeypatch.setattr(conversion, "compare_conversions", compare)
    return calls


def test_options_reach_the_comparison_and_its_figures_the_output(asked):
    """Proves that each option has its effect, and that the result is one JSON object."""
    done = bench("conversion", "--run", "runs/a", "--bundle", "bundles/a", "--rounds", 12, "--threads", 2)
    assert done.exit_code == 0, done.output
    assert asked == [("runs/a", "bundles/a", {"rounds": 12, "threads": 2})]
    assert json.loads(done.stdout) == {"tflite": {"ratio_of_medians": 0.5}}


def test_the_newest_bundle_is_the_default(asked, tmp_path, monkeypatch):
    """Proves that without `--bundle` the newest in bundles/ is compared, on one thread."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundles" / "mine").mkdir(parents=True)
    (tmp_path / "bundles" / "mine" / "manifest.json").touch()
    assert bench("conversion", "--run", "runs/a").exit_code == 0
    assert asked == [("runs/a", "bundles/mine", {"rounds": 300, "threads": 1})]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--run'"),
        (("--run", "x", "--rounds", 9), "Invalid value for '--rounds'"),
        (("--run", "x", "--threads", 0), "Invalid value for '--threads'"),
    ],
)
def test_wrong_use_is_refused(asked, arguments, words):
    """Proves that nothing is compared without a run, with too few rounds or without threads."""
    done = bench("conversion", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert asked == []
