"""`catdog-bench conversion` on a small run and its bundle."""

import json

import pytest
from click.testing import CliRunner

from benchmarks.cli import main


def conversion(*arguments):
    return CliRunner().invoke(main, ["conversion", *map(str, arguments), "--rounds", "10"])


def test_both_formats_are_compared_with_the_converters_own_files(run_folder, bundle_folder):
    """The stock converters take the run's model; times and accuracy of both files, and the ratio of the times."""
    done = conversion("--run", run_folder, "--model", bundle_folder)
    assert done.exit_code == 0, done.output
    compared = json.loads(done.stdout)
    assert compared.keys() == {"tflite", "onnx"}
    for found in compared.values():
        assert found["ours_median_ms"] > 0
        assert found["ratio_of_medians"] == pytest.approx(found["ours_median_ms"] / found["stock_median_ms"])
        assert 0.5 <= found["ours_accuracy"] <= 1
        assert 0 <= found["stock_accuracy"] <= 1


def test_a_missing_run_is_named(tmp_path, bundle_folder):
    """One line with the folder, exit code 1."""
    done = conversion("--run", tmp_path / "none", "--model", bundle_folder)
    assert done.exit_code == 1
    assert done.stderr == (
        f"error: {tmp_path / 'none'}: no finished run there (run.json is missing). Train one with: catdog-train\n"
    )
