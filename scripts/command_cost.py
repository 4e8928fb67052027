"""Print what syncing and safe children cost whole commands: docs/measurements/power-cut.md.

Usage: PYTHONPATH=. python scripts/command_cost.py [--pairs N] FOLDER [COMMAND ...]

Each command runs with its protection and without it, in turns, in FOLDER. The first call there trains and exports a
small network on drawings. The product has no option for this: a script in front of the command takes the protection
away.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RUN, BUNDLE = "runs/base", "bundles/base"
DRAWINGS = ("--image-size", "64", "--limit-per-class", "60", "--batch-size", "16")

# Runs the main function of a module. Its arguments: `on` or `off`, a file for figures, the module, and those of the
# command.
SYNCING = """
import atexit, importlib, json, os, sys, time
sys.path.insert(0, ROOT)
switch, figures, module = sys.argv[1:4]
sys.argv = sys.argv[3:]
taken = []
def timed(sync):
    def call(descriptor):
        start = time.perf_counter()
        sync(descriptor)
        taken.append(time.perf_counter() - start)
    return call
for name in ("fsync", "fdatasync"):
    setattr(os, name, timed(getattr(os, name)) if switch == "on" else lambda descriptor: None)
parent = os.getpid()
def write():
    if os.getpid() == parent:
        open(figures, "w").write(json.dumps({"count": len(taken), "s": sum(taken)}))
atexit.register(write)
importlib.import_module(module).main()
"""
CHILDREN = """
import importlib, io, json, sys
sys.path.insert(0, ROOT)
switch, figures, module = sys.argv[1:4]
sys.argv = sys.argv[3:]
open(figures, "w").write(json.dumps({"count": 0, "s": 0}))
if switch == "off":
    from edge_runtime import child_process
    child_process.module_command = lambda module, *arguments: [sys.executable, "-m", module, *arguments]
    child_process.SAFE_PATH = "-B"  # changes nothing here
    from edge_runtime.backends import trial
    def in_this_process(bundle, file, backend, pictures=(), *, timeout_s=0):
        task = {"folder": str(bundle.folder), "file": file.path, "backend": backend, "pictures": len(pictures)}
        scores = trial._scores(task, io.BytesIO(b"".join(pixels.tobytes() for pixels in pictures)))
        return trial.Trial(trial.Outcome.RAN, tuple(map(tuple, scores)))
    trial.try_file = in_this_process
    from edge_runtime.commands import doctor
    def loads(script):
        exec(script)
        return ""
    doctor._failure = loads
importlib.import_module(module).main()
"""


class Case(NamedTuple):
    """A command to time, under a name for people.

    Attributes:
        what: what it does.
        script: what takes its protection away.
        command: the module and its arguments; `NEW` stands for a name that is new in each turn.
    """

    what: str
    script: str
    command: tuple[str, ...]


TRAIN = ("trainer.cli", "--data", "sample", *DRAWINGS)
CASES = {
    "train": Case("`catdog-train`, 3 epochs", SYNCING, (*TRAIN, "--epochs", "3", "--name", "NEW")),
    "export": Case(
        "`catdog-export`, all formats, int8", SYNCING,
        ("exporter.cli", "--run", RUN, "--name", "again", "--max-drop", "0.5"),
    ),
    "bench": Case(
        "`catdog-bench run`, 50 rounds", SYNCING,
        ("benchmarks.cli", "run", "--bundle", BUNDLE, "--data", "data/sample", "--out", "report", "--rounds", "50",
         "--pictures", "50", "--threads", "1"),
    ),
    "classify": Case(
        "`catdog-edge classify` of one picture", SYNCING,
        ("edge_runtime.cli", "classify", "--bundle", BUNDLE, "data/sample/Cat/0000.jpg"),
    ),
    "bench-children": Case(
        "`catdog-bench run`, 10 rounds", CHILDREN,
        ("benchmarks.cli", "run", "--bundle", BUNDLE, "--data", "data/sample", "--out", "report", "--rounds", "10",
         "--pictures", "10", "--threads", "1"),
    ),
    "selftest": Case(
        "`catdog-edge selftest`, 4 files", CHILDREN, ("edge_runtime.cli", "selftest", "--bundle", BUNDLE),
    ),
    "info": Case("`catdog-edge info`", CHILDREN, ("edge_runtime.cli", "info", "--bundle", BUNDLE)),
    "doctor": Case("`catdog-edge doctor`", CHILDREN, ("edge_runtime.cli", "doctor")),
}  # fmt: skip


def prepare(folder: Path) -> None:
    """Train and export the small network, unless it is there."""
    if not (folder / RUN).exists():
        run(folder, SYNCING, (*TRAIN, "--epochs", "3", "--name", "base"), "on")
    if not (folder / BUNDLE).exists():
        run(folder, SYNCING, ("exporter.cli", "--run", RUN, "--name", "base", "--max-drop", "0.5"), "on")


def run(folder: Path, script: str, command: Sequence[str], switch: str) -> tuple[float, float, int, float]:
    """Run a command in a folder; return its seconds, those of processors, and count and seconds of its syncs.

    Raises:
        RuntimeError: it failed.
    """
    figures = folder / "figures.json"
    line = [sys.executable, "-c", script.replace("ROOT", repr(str(ROOT))), switch, str(figures), *command]
    start, before = time.perf_counter(), processor_seconds()
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 4):  # 4: too few pictures to decide
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr[-500:]}")
    found = json.loads(figures.read_text())
    return seconds, processor_seconds() - before, found["count"], found["s"]


def processor_seconds() -> float:
    """Return what all children so far, and theirs, have taken of processors."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compare(folder: Path, case: Case, pairs: int) -> str:
    """Return a row of the table."""
    seconds: dict[str, list[float]] = {"on": [], "off": []}
    busy: dict[str, list[float]] = {"on": [], "off": []}
    counts, inside = [0], [0.0]
    for number in range(2 * pairs):
        switch = "on" if (number + number // 2) % 2 == 0 else "off"  # A B B A A B B A
        command = [word.replace("NEW", f"turn-{time.time_ns()}") for word in case.command]
        taken, processor, count, syncing = run(folder, case.script, command, switch)
        seconds[switch].append(taken)
        busy[switch].append(processor)
        if switch == "on":
            counts.append(count)
            inside.append(syncing)
    kind = seconds if case.script is SYNCING else busy
    on, off = np.array(kind["on"]), np.array(kind["off"])
    ratio, low, high = ratio_of_medians(on, off)
    cells = [
        case.what,
        f"{pairs}",
        f"{np.median(off):.2f}",
        f"{np.median(on):.2f}",
        f"{ratio:.3f}",
        f"{low:.3f} to {high:.3f}",
    ]
    if case.script is SYNCING:
        cells += [f"{int(np.median(counts[1:]))}", f"{np.median(inside[1:]) * 1e3:.0f}"]
    return f"| {' | '.join(cells)} |"


def ratio_of_medians(on: np.ndarray, off: np.ndarray) -> tuple[float, float, float]:
    """Return the ratio and the ends of its 95 % interval, drawn anew pair by pair."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(on), (2000, len(on)))
    ratios = np.median(on[drawn], axis=1) / np.median(off[drawn], axis=1)
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(np.median(on) / np.median(off)), float(low), float(high)


def main() -> None:
    """Print a row for each command that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("commands", nargs="*")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    prepare(options.folder)
    for name in options.commands or CASES:
        print(compare(options.folder, CASES[name], options.pairs), flush=True)


if __name__ == "__main__":
    main()
