"""Compare whole processes: `catdog-edge` with the shortest script, and its help with Click alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.run.memory import peak_of_script_mib
from benchmarks.run.program import run_program
from benchmarks.run.timing import describe, interleave
from edge_runtime.bundle import TFLITE, Bundle, Precision, read_bundle
from edge_runtime.child_process import SAFE_PATH

_SCRIPT = Path(__file__).parents[1] / "peers" / "plain_classify.py"
_MEMORY_RUNS = 5


def int8_tflite(bundle: Bundle) -> Path:
    """Return the path of a bundle's int8 TFLite file.

    Raises:
        BenchmarkError: there is none.
    """
    for file in bundle.files:
        if (file.format, file.precision) == (TFLITE, Precision.INT8):
            return bundle.path_of(file)
    raise BenchmarkError(f"{bundle.folder}: the bundle has no int8 TFLite file. Export it with --quantize int8.")


def measure_cold_start(
    folder: Path,
    picture: Path,
    python: Path,
    *,
    rounds: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Time four commands in turns, and measure the peak memory of the two that classify. Both use LiteRT.

    Args:
        folder: a bundle with an int8 TFLite file.
        picture: the picture to classify.
        python: Python of the environment to measure.
        rounds: runs of each command.
        report: called with the rounds done and the total.

    Returns:
        A JSON object: times in ms, memory in MiB, and ratios of both.

    Raises:
        BenchmarkError: a command failed, or `catdog-edge` is not installed beside `python`.
    """
    model = int8_tflite(read_bundle(folder))
    command = python.with_name("catdog-edge")
    if not command.exists():
        raise BenchmarkError(
            f"{command}: not there. Install the project in this environment, or name another with --python."
        )
    ours = [str(command), "classify", str(picture), "--bundle", str(folder), "--backend", "litert"]
    tasks = {
        "plain script": _process([str(python), str(_SCRIPT), str(model), str(picture)]),
        "catdog-edge classify": _process([str(python), *ours]),
        "import click": _process([str(python), SAFE_PATH, "-c", "import click"]),
        "catdog-edge --help": _process([str(python), str(command), "--help"]),
    }
    times = interleave(tasks, rounds=rounds, report=report)
    plain_mib = _median_peak(python, _SCRIPT, str(model), str(picture))
    ours_mib = _median_peak(python, command, *ours[1:])
    return {
        "times": {name: describe(values).to_dict() for name, values in times.items()},
        "classify_time_ratio": _ratio(times["catdog-edge classify"], times["plain script"]),
        "help_time_ratio": _ratio(times["catdog-edge --help"], times["import click"]),
        "peak_memory_mib": {"plain script": plain_mib, "catdog-edge classify": ours_mib},
        "classify_memory_ratio": ours_mib / plain_mib,
    }


def _process(command: list[str]) -> Callable[[], object]:
    return lambda: run_program(command)


def _ratio(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Return the median of the ratios of the rounds. In a round both had the same disturbance."""
    return float(np.median(ours / theirs))


def _median_peak(python: Path, script: Path, *arguments: str) -> float:
    return float(np.median([peak_of_script_mib(python, script, *arguments) for _ in range(_MEMORY_RUNS)]))
