"""Results are on the disk when they are reported: a copy of the disk and the order of the calls show it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.atomic_file import write_whole
from edge_runtime.atomic_folder import whole_folder
from tests.disks import after_a_power_cut

FILES = {"marker": b"m" * 100, "model.tflite": b"w" * 1_000_000, "selftest/a.png": b"p" * 10_000}


def write_folder(target: Path, version: bytes) -> None:
    """Write a folder of one version, whole."""
    with whole_folder(target, marker="marker") as partial:
        for name, content in FILES.items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_bytes(version + content)


def version_of(target: Path) -> set[bytes]:
    """Return the versions of the files in a folder, after checking that each file is whole."""
    found = {name: (target / name).read_bytes() for name in FILES}
    assert {name: content[1:] for name, content in found.items()} == FILES
    return {content[:1] for content in found.values()}


def test_a_folder_survives_a_power_cut(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that the disk has the whole folder right after it was written and right after it was replaced."""
    folder, image = disk
    for version in (b"1", b"2", b"3"):
        write_folder(folder / "bundles" / "pets", version)
        with after_a_power_cut(image, tmp_path) as left:
            assert version_of(left / "bundles" / "pets") == {version}


def test_the_disk_tells_what_was_not_synced(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that these tests can fail: a folder that is only renamed is lost or empty on the copy."""
    folder, image = disk
    (folder / "partial").mkdir()
    (folder / "partial" / "marker").write_bytes(FILES["marker"])
    (folder / "partial").rename(folder / "done")
    with after_a_power_cut(image, tmp_path) as left:
        assert not (left / "done" / "marker").exists() or (left / "done" / "marker").read_bytes() == b""


def test_a_file_survives_a_power_cut(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that the disk has a whole file, such as a saved frame, right after it was written."""
    folder, image = disk
    for content in (b"1" * 50_000, b"2" * 60_000):
        write_whole(folder / "state.json", content)
        with after_a_power_cut(image, tmp_path) as left:
            assert (left / "state.json").read_bytes() == content


SCRIPT = """
import sys
from pathlib import Path
from edge_runtime.atomic_folder import whole_folder
with whole_folder(Path(sys.argv[1]), marker="marker") as partial:
    (partial / "marker").write_bytes(b"new")
    (partial / "sub").mkdir()
    (partial / "sub" / "file").write_bytes(b"new")
"""


def test_order_of_system_calls(tmp_path: Path) -> None:
    """Proves that all files are synced before the rename, and the parent folder before the old one is deleted."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    target = tmp_path / "target"
    target.mkdir()
    (target / "marker").write_bytes(b"old")
    trace = tmp_path / "trace"
    calls = "trace=fsync,rename,renameat2,unlink,unlinkat,rmdir"
    command = ["strace", "-f", "-y", "-e", calls, "-o", trace, sys.executable, "-c", SCRIPT, target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr:
        pytest.skip(f"tracing is not allowed here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    lines = [line for line in trace.read_text().splitlines() if str(tmp_path) in line]
    [renamed] = [number for number, line in enumerate(lines) if "rename" in line]
    synced = [re.search(r"fsync\(\d+<(.*?)>", line) for line in lines[:renamed]]
    names = {Path(found[1]).name for found in synced if found}
    assert {"marker", "file", "sub"} <= names
    assert any(name.endswith(".partial") for name in names)
    after = lines[renamed + 1 :]
    parent = next(number for number, line in enumerate(after) if f"<{tmp_path}>" in line and "fsync" in line)
    removed = next(number for number, line in enumerate(after) if "unlink" in line or "rmdir" in line)
    assert parent < removed
    assert (target / "marker").read_bytes() == b"new"
