"""A service without a home folder gets a temporary one, and is told."""

import os
import stat
from pathlib import Path

import pytest

from edge_runtime.home import home_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_home_that_is_there_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that nothing changes and nothing is said where there is a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path


@pytest.mark.parametrize("home", ["", "/nonexistent", "/proc/1/nothing"])
def test_without_a_home_a_temporary_folder_is_used_and_said(
    home: str, temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proves for a user without a name, and for a home that is not there, that only the user can write to it."""
    monkeypatch.setenv("HOME", home)
    if not home:
        monkeypatch.setattr(Path, "home", no_home)
    folder = home_folder()
    assert folder == temporary / f"catdog-edge-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.environ["HOME"] == str(folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"no home folder that can be written to: what is kept there goes to {folder}. Set HOME")


@pytest.mark.parametrize("trap", ["file", "link", "open"])
def test_a_folder_of_somebody_else_is_not_used(trap: str, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a file, a link or a folder that others can write to is passed over for a fresh one."""
    monkeypatch.setenv("HOME", "/nonexistent")
    taken = temporary / f"catdog-edge-{os.getuid()}"
    if trap == "file":
        taken.write_bytes(b"")
    elif trap == "link":
        (temporary / "elsewhere").mkdir(mode=0o700)
        taken.symlink_to(temporary / "elsewhere")
    else:
        taken.mkdir()
        taken.chmod(0o777)
    folder = home_folder()
    assert folder != taken
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
