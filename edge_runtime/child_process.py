"""The commands that start Python in a process of its own, in which nothing of the current folder can run.

Python puts the current folder in front of everything for `-c` and `-m`: a file `numpy.py` in a bundle from somebody
else would run there. Every process that this project starts is started with what stands here.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

# Where these packages lie. At the end of the path: nothing beside them may stand in for another package.
ROOT = str(Path(__file__).resolve().parents[1])
SAFE_PATH = "-P"
_FIND_PACKAGES = "import sys; sys.path.append(sys.argv.pop(1))"
_RUN_MODULE = (
    f"{_FIND_PACKAGES}; import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def script_command(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a script, given as text, with this Python; it finds our packages.

    Source: Python's option `-P`, which leaves the current folder out of `sys.path`.
    """
    return [sys.executable, SAFE_PATH, "-c", f"{_FIND_PACKAGES}\n{script}", ROOT, *arguments]


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours with this Python, as `python -m` does."""
    return [sys.executable, SAFE_PATH, "-c", _RUN_MODULE, ROOT, module, *arguments]


def signal_words(code: int) -> str:
    """Return how a process ended that a signal ended, such as `ended by signal 11 (SIGSEGV)`.

    Args:
        code: its return code, the negative number of the signal.
    """
    try:
        return f"ended by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:  # a real-time signal has no name
        return f"ended by signal {-code}"
