"""`catdog-bench` in this process, and reports of known figures for it to read."""

import json

import pytest

from tests.benchmarks.conftest import GOLDEN


@pytest.fixture
def changed(tmp_path):
    """Write the version 1 report after a change of its JSON object, and return the file."""

    def write(change, name="changed"):
        values = json.loads(GOLDEN.read_text())
        change(values)
        folder = tmp_path / name
        folder.mkdir()
        (folder / "report.json").write_text(json.dumps(values))
        return folder

    return write


def times(values, file, factor):
    """Multiply every stage time of a file in a report's JSON object."""
    for item in values["measured"]:
        if item["file"] == file:
            item["stages_ms"] = {
                stage: [time_ms * factor for time_ms in times_ms] for stage, times_ms in item["stages_ms"].items()
            }


def gates(values, state):
    """Set the gate's verdict on every file in a report's JSON object."""
    for item in values["accuracy"]:
        item["gate"]["state"] = state
