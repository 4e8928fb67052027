"""A limit of the process that is too small for a command is one line that says so, and never a traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.errors import shortage_of

pytest.importorskip("resource", reason="limits are those of Unix")
ROOT = Path(__file__).parents[2]
PICTURE = PRETRAINED / "selftest" / "large.jpg"
COMMANDS = {
    "edge": "from edge_runtime.cli import run; run()",
    "bench": "from benchmarks.cli import main; main()",
    "train": "from trainer.cli import main; main()",
    "export": "from exporter.cli import main; main()",
}
MEMORY = "not enough memory. Close other programs, raise the limit (ulimit -v), or take a larger machine."
FILES = "error: too many files are open. Raise the limit: ulimit -n 1024.\n"


def limited(limits: str, command: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command below limits of the shell, such as `ulimit -v 100000`."""
    line = [sys.executable, "-P", "-c", COMMANDS[command], *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-c", f'{limits}; exec "$@"', "sh", *line], capture_output=True, text=True, cwd=folder,
        env=environment, stdin=subprocess.DEVNULL, timeout=100,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "mib"),
    [
        *((("classify", PICTURE), mib) for mib in (40, 80, 120, 140)),
        *((("watch", PICTURE), mib) for mib in (60, 110)),
        (("selftest",), 110),
        (("doctor",), 60),
    ],
)
def test_little_address_space_on_the_device(command: tuple[object, ...], mib: int, tmp_path: Path) -> None:
    """Proves that wherever the libraries of the device stop, there is an answer or one line, and a plain exit code.

    OpenBLAS says its own line and ends the process.
    """
    done = limited(f"ulimit -v {mib * 1024}", "edge", *command, folder=tmp_path)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("next: ")]
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1), done.stderr
    if done.returncode == 1 and command[0] in ("classify", "watch"):
        *first, last = lines
        assert last.startswith(("error: ", "OpenBLAS error: Memory allocation")), done.stderr
        assert all(line.endswith(("with litert", "with onnxruntime", "with tflite-runtime")) for line in first)
    if done.returncode == 1:
        assert done.stdout or lines


def test_too_little_address_space_to_load_numpy(tmp_path: Path) -> None:
    """Proves that a library that cannot be mapped is no broken installation: the line names the memory."""
    done = limited("ulimit -v 40960", "edge", "classify", PICTURE, folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"error: {MEMORY}\n")


@pytest.mark.parametrize(
    ("command", "arguments", "least"),
    [
        ("bench", ("run", "--data", PICTURE.parent), "1,024"),
        ("bench", ("recommend", "."), "1,024"),
        ("train", ("--data", "sample"), "6,144"),
        ("export", ("--run", "none"), "6,144"),
    ],
)
def test_little_address_space_on_the_computer(
    command: str, arguments: tuple[object, ...], least: str, tmp_path: Path
) -> None:
    """Proves that what TensorFlow and SciPy would crash or wait on is refused before any work."""
    done = limited("ulimit -v 409600", command, *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: the address space of this process is limited to 400 MiB, expected at least {least} MiB for the "
        "libraries of this command. Raise the limit: ulimit -v unlimited\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("classify", PICTURE), ("selftest",), ("watch", PICTURE)])
def test_few_open_files(command: tuple[object, ...], tmp_path: Path) -> None:
    """Proves that a limit of open files is named: freeing space would not help."""
    done = limited("ulimit -n 5", "edge", *command, folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, FILES)


def test_few_bytes_a_file(tmp_path: Path) -> None:
    """Proves that a limit of the size of files is named, when the answers go to a file."""
    for number in range(4):
        shutil.copy(PICTURE, tmp_path / f"{number}.jpg")
    done = limited("ulimit -f 1; exec > answers", "edge", "classify", "--json", ".", folder=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == "error: a file became larger than this process may write. Raise the limit: ulimit -f unlimited."


def test_no_thread_may_start(tmp_path: Path) -> None:
    """Proves that a limit of threads is named when many pictures need some: stacks are too large for one more."""
    for number in range(2):
        shutil.copy(PICTURE, tmp_path / f"{number}.jpg")
    done = limited("ulimit -s 4000000; ulimit -v 900000", "edge", "classify", ".", folder=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert (
        last == "error: no further process or thread may start. End other programs, or raise the limit: ulimit -u."
    )


def test_numbers_of_our_own_are_no_shortage() -> None:
    """Proves that a file that we refuse for its size is not taken for a limit of this process."""
    import errno

    assert shortage_of(OSError(errno.EFBIG, "too large: 3 bytes, at most 2", "x")) is None
    assert shortage_of(OSError(errno.EFBIG, os.strerror(errno.EFBIG))) is not None
    assert shortage_of(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) is None
    assert shortage_of(ValueError("anything")) is None
    assert shortage_of(RuntimeError("can't start new thread")) is not None
