"""Where an export may write: never over a folder that is not its own."""

from pathlib import Path

import pytest

from tests.exporter.conftest import run_export


@pytest.mark.parametrize("name", [".", "..", "../up", "a/b", ".hidden", "/etc"])
def test_a_name_that_is_no_plain_name_is_refused(run_folder: Path, tmp_path: Path, name: str) -> None:
    """Proves that `--name .` and its like end in one line before any work, and that nothing is written."""
    done = run_export("--run", run_folder, "--bundles", "out", f"--name={name}", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: --name: expected one folder name")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["src", "src.failed"])
def test_a_folder_of_the_user_is_kept(run_folder: Path, tmp_path: Path, name: str) -> None:
    """Proves that `--bundles work --name src` never deletes work/src, nor the folder of its failed report."""
    mine = tmp_path / "work" / name / "main.c"
    mine.parent.mkdir(parents=True)
    mine.write_text("int main;")
    done = run_export("--run", run_folder, "--bundles", "work", "--name", "src", cwd=tmp_path)
    assert done.returncode == 1
    assert f"work/{name}: holds other files" in done.stderr.splitlines()[-1]
    assert "converting" not in done.stderr
    assert mine.read_text() == "int main;"
    assert [path.name for path in (tmp_path / "work").iterdir()] == [name]
