"""Seconds an epoch of catdog-train and of plain Keras: what is drawn from the times of both.

No network is trained here. A stand-in for Python leaves a finished run where catdog-train would, and prints the
seconds of plain Keras.
"""

import json
import sys
from statistics import median

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures.training_speed import compare

PLAIN_S = [9.0, 0.64, 1.28]  # of three epochs; the first is not counted
# After -P, -c and the line that starts a module come the folder of the packages, the module and its arguments.
STAND_IN = """#!/bin/sh
shift 3
echo "$@" >> {calls}
case "$2" in
    trainer.cli)
        for word in "$@"; do case "$word" in --runs=*) runs="${{word#--runs=}}";; esac; done
        mkdir -p "$runs" && cp -r {run} "$runs/speed";;
    benchmarks.peers.plain_fit) echo "Found pictures"; echo '{plain}';;
    *) exit 9;;
esac
"""


@pytest.fixture
def python(tmp_path, monkeypatch, run_folder):
    """Put the stand-in in the place of Python, and return the file with what it was asked."""
    calls, program = tmp_path / "calls", tmp_path / "python"
    program.write_text(STAND_IN.format(calls=calls, run=run_folder, plain=json.dumps(PLAIN_S)))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return calls


def test_times_are_for_each_picture_of_the_counted_epochs(python, tmp_path, run_folder):
    """Proves that the first epoch is left out on both sides, and that Keras is paid for its whole last batch."""
    found = compare(tmp_path / "data", limit_per_class=64, rounds=2)
    files = json.loads((run_folder / "splits.json").read_text())["files"]
    pictures = sum(file["side"] == "train" for file in files)
    seconds = [epoch["seconds"] for epoch in json.loads((run_folder / "history.json").read_text())]
    assert found["training_pictures"] == pictures
    assert found["catdog_ms_per_picture"] == pytest.approx([1e3 * value / pictures for value in seconds[1:]] * 2)
    whole_batches = -(-pictures // 32) * 32
    assert found["plain_ms_per_picture"] == pytest.approx(
        [1e3 * value / whole_batches for value in PLAIN_S[1:]] * 2
    )
    ratio = median(found["catdog_ms_per_picture"]) / median(found["plain_ms_per_picture"])
    assert found["ratio_of_medians"] == pytest.approx(ratio)


def test_both_sides_take_turns_on_as_many_pictures(python, tmp_path, run_folder):
    """Proves that each round trains ours and then plain Keras, with the number of pictures that ours had."""
    found = compare(tmp_path / "data", limit_per_class=64, rounds=3)
    lines = python.read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["trainer.cli", "benchmarks.peers.plain_fit"] * 3
    assert f"--data={tmp_path / 'data'} --epochs=3 --limit-per-class=64 --runs=" in lines[0]
    assert lines[1].split()[2:] == [str(tmp_path / "data"), str(found["training_pictures"]), "3"]


def test_a_training_that_fails_is_told(tmp_path, monkeypatch):
    """Proves that the last line of a failing training is the error's text."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho first >&2\necho 'error: no such data' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(BenchmarkError, match=r"trainer\.cli .*: error: no such data$"):
        compare(tmp_path / "data", limit_per_class=64, rounds=1)
