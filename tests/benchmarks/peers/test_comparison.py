"""Peers in one interleaved run on small real files."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.cli import main
from tests.benchmarks.conftest import write_pictures


def test_peers_are_timed_in_turns_and_judged(bench_bundle, tmp_path):
    """Each has both times with ratios to ours, and answers right where it can read the picture."""
    pictures = write_pictures(tmp_path / "pictures", 9)
    Image.new("L", (20, 20), 90).save(pictures / "red" / "grey.png")
    command = ["peers", "--bundle", str(bench_bundle), "--data", str(pictures), "--rounds", "10", "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found) == ["catdog-edge, LiteRT", "label_image", "plain ai-edge-litert"]
    for item in found.values():
        assert (item["picture"]["count"], item["process"]["count"]) == (10, 5)
        low, high = item["picture_ratio"]["interval"]
        assert low <= item["picture_ratio"]["value"] <= high
    assert found["catdog-edge, LiteRT"]["picture_ratio"]["value"] == 1
    assert {name: item["failed"] for name, item in found.items()} == {
        "catdog-edge, LiteRT": 0,
        "label_image": 1,
        "plain ai-edge-litert": 0,
    }
    assert found["label_image"]["accuracy"] <= 0.9 <= found["plain ai-edge-litert"]["accuracy"]


@pytest.mark.parametrize(("option", "words"), [("--run", "model.keras: not there"), ("", "no picture there")])
def test_what_is_missing_is_one_line(bench_bundle, tmp_path, option, words):
    """A run without a Keras model, and a folder without pictures."""
    empty = tmp_path / "empty"
    empty.mkdir()
    extra = [option, str(empty)] if option else []
    done = CliRunner().invoke(main, ["peers", "--bundle", str(bench_bundle), "--data", str(empty), *extra])
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert words in done.stderr
