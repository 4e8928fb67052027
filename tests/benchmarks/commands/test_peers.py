"""`catdog-bench peers`: what it prints for people, and what it refuses. Its figures: peers/test_comparison.py."""

import pytest

from benchmarks.peers import comparison
from tests.benchmarks.conftest import bench, write_pictures


@pytest.fixture
def one_process(monkeypatch):
    """Start each whole process twice instead of five times."""
    monkeypatch.setattr(comparison, "PROCESSES", 2)


@pytest.mark.usefixtures("one_process")
def test_people_get_a_table(bench_bundle, tmp_path):
    """Proves that there is a row for each peer with ours first, and that progress stays off standard output."""
    picture = write_pictures(tmp_path / "pictures", 2) / "red" / "1.png"
    done = bench("peers", "--bundle", bench_bundle, "--data", picture, "--rounds", 10)
    assert done.exit_code == 0, done.output
    header, line, *rows = done.stdout.splitlines()
    assert header.startswith("| ")
    assert set(line) <= set("| -:")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row]
    assert [row[0] for row in cells] == ["catdog-edge, LiteRT", "label_image", "plain ai-edge-litert"]
    assert cells[0][2] == cells[0][4] == "1"
    assert "pictures and processes" in done.stderr
    assert "pictures and processes" not in done.stdout


@pytest.mark.parametrize("rounds", ["9", "0", "x"])
def test_too_few_rounds_are_wrong_use(rounds):
    """Proves that no interval is drawn from fewer than ten pictures."""
    done = bench("peers", "--data", "x", "--rounds", rounds)
    assert done.exit_code == 2
    assert "--rounds" in done.stderr


def test_pictures_must_be_named(bench_bundle):
    """Proves that `--data` has no default."""
    done = bench("peers", "--bundle", bench_bundle)
    assert done.exit_code == 2
    assert "Missing option '--data'" in done.stderr
