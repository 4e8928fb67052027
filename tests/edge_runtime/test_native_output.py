"""The output of native libraries stays off the terminal, but only where the code asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.native_output import native_output_to

SCRIPT = """
import os, sys
from pathlib import Path
from edge_runtime.native_output import native_output_to
print("before")
with native_output_to(Path(sys.argv[1])) as terminal:
    os.write(1, b"native out\\n")
    os.write(2, b"native error\\n")
    print("python out")
    print("python error", file=sys.stderr)
    print("progress", file=terminal, flush=True)
print("after")
print("after error", file=sys.stderr)
"""


def test_everything_inside_goes_to_the_log(tmp_path: Path) -> None:
    """Proves that stdout and stderr go to the log, that the terminal can still be used, and that both come back."""
    log = tmp_path / "log"
    log.write_text("kept\n")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(log)], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nafter\n"
    assert done.stderr == "progress\nafter error\n"
    lines = log.read_text().splitlines()
    assert lines[0] == "kept"
    assert sorted(lines[1:]) == ["native error", "native out", "python error", "python out"]


def test_descriptors_come_back_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Proves that an exception passes, that output works again, and that no descriptor stays open."""
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(3):
        with pytest.raises(ValueError, match="inside"), native_output_to(tmp_path / "log"):
            raise ValueError("inside")
        with pytest.raises(FileNotFoundError), native_output_to(tmp_path / "none" / "log"):
            pass
    os.write(1, b"seen\n")
    assert capfd.readouterr().out == "seen\n"
    assert not before or len(os.listdir("/proc/self/fd")) == before


HIDDEN = """
import os, sys
from edge_runtime.native_output import native_errors_hidden
with native_errors_hidden():
    os.write(2, b"native error\\n")
    os.write(1, b"native out\\n")
    print("python error", file=sys.stderr)
print("after", file=sys.stderr)
os.write(2, b"native after\\n")
"""


def test_native_errors_are_dropped_and_ours_are_not() -> None:
    """Proves that only output that bypasses Python is dropped, and only inside the block."""
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("native out\n", "python error\nafter\nnative after\n")
