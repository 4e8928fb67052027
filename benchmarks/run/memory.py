"""Read the memory of this process, or of a script, as the kernel counts it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.run.program import last_words
from edge_runtime.child_process import SAFE_PATH

_STATUS = Path("/proc/self/status")
# The process counts for itself, as the figure of wait4 includes the parent's memory before exec.
_COUNTED = (
    "import atexit, os, runpy, sys\n"
    "def tell():\n"
    "    text = open('/proc/self/status').read()\n"
    "    sys.stderr.write('VmHWM ' + text.split('VmHWM:')[1].split()[0])\n"
    "atexit.register(tell)\n"
    "leave = os._exit\n"  # as catdog-edge does, past atexit
    "os._exit = lambda code: (tell(), sys.stderr.flush(), leave(code))\n"
    "sys.argv = sys.argv[1:]\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def memory_mib(key: str = "VmRSS") -> float:
    """Return the memory of this process in MiB: `VmRSS` is now, `VmHWM` is the peak.

    Raises:
        BenchmarkError: this system has no /proc.
    """
    if not _STATUS.exists():
        raise BenchmarkError("memory is read from /proc/self/status, which is not there. Measure on Linux.")
    return int(_STATUS.read_text().split(f"{key}:")[1].split()[0]) / 1024


def peak_of_script_mib(python: Path, script: Path, *arguments: str) -> float:
    """Run a script with the interpreter `python` and return its peak memory in MiB.

    Raises:
        BenchmarkError: the script failed.
    """
    command = [str(python), SAFE_PATH, "-c", _COUNTED, str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "VmHWM " not in done.stderr:
        words = last_words(done.stderr.rpartition("VmHWM ")[0] or done.stderr, done.returncode)
        raise BenchmarkError(f"{script}: {words}")
    return int(done.stderr.rsplit("VmHWM ", 1)[1].split()[0]) / 1024
