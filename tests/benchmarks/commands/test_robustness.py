"""`catdog-bench robustness`: what it prints and refuses. Its figures: run/test_robustness.py."""

import json

from benchmarks.run.robustness import DISTORTIONS
from tests.benchmarks.conftest import bench, write_pictures


def test_people_get_a_table_and_scripts_a_list(bench_bundle, tmp_path):
    """Proves that both have the same figures, for each distortion and label."""
    data = write_pictures(tmp_path / "pictures", 4)
    arguments = ("robustness", "--bundle", bench_bundle, "--data", data)
    table, values = bench(*arguments).stdout, json.loads(bench(*arguments, "--json").stdout)
    _, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len(rows) == len(values) == 2 * len(DISTORTIONS)
    for row, item in zip(rows, values, strict=True):
        assert row[:3] == [item["distortion"], item["group"], str(item["pictures"])]
        for cell, name in zip(row[3:], ("right", "right_and_sure", "wrong_and_sure"), strict=True):
            share, low, high = item[name]
            assert cell == f"{share:.1%} [{low:.1%}, {high:.1%}]"


def test_fewer_pictures_can_be_asked_for(bench_bundle, tmp_path):
    """Proves that `--pictures` limits how many are classified, of all labels together."""
    data = write_pictures(tmp_path / "pictures", 8)
    done = bench("robustness", "--bundle", bench_bundle, "--data", data, "--pictures", 3, "--json")
    first = [item for item in json.loads(done.stdout) if item["distortion"] == "as they are"]
    assert sum(item["pictures"] for item in first) == 3


def test_an_unknown_backend_is_wrong_use(bench_bundle, tmp_path):
    """Proves that backends are those of the table, by name."""
    done = bench("robustness", "--bundle", bench_bundle, "--data", tmp_path, "--backend", "tensorflow")
    assert done.exit_code == 2
    assert "'litert'" in done.stderr


def test_a_backend_without_a_file_is_one_line(bench_bundle, tmp_path):
    """Proves that a bundle of TFLite files is not run with ONNX Runtime, and that the message says what to do."""
    done = bench("robustness", "--bundle", bench_bundle, "--data", tmp_path, "--backend", "onnxruntime")
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "no file for backend onnxruntime" in done.stderr
