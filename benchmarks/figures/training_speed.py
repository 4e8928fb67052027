"""Seconds an epoch: catdog-train against plain Keras `fit`, each in its own process, in turns."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.errors import BenchmarkError
from edge_runtime.run_folder import Side, read_history, read_run_folder

_EPOCHS = 3  # the first, which traces the graph and fills caches, is not counted


def compare(data: Path, *, limit_per_class: int, rounds: int) -> dict[str, Any]:
    """Train the report network both ways on the same number of pictures and compare seconds per picture.

    Args:
        data: folder with a sub-folder per class.
        limit_per_class: pictures of each class that catdog-train may use.
        rounds: processes of each side, run in turns.

    Returns:
        Milliseconds per training picture of each side, one number a counted epoch, and the ratio of medians.

    Raises:
        BenchmarkError: a process failed.
    """
    ours: list[float] = []
    plain: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            epochs, pictures = _train(data, limit_per_class, Path(scratch))
        ours += [seconds * 1e3 / pictures for seconds in epochs[1:]]
        steps = -(-pictures // 32)
        command = ("-m", "benchmarks.peers.plain_fit", str(data), str(pictures), str(_EPOCHS))
        epochs = json.loads(_python(*command).splitlines()[-1])
        plain += [seconds * 1e3 / (steps * 32) for seconds in epochs[1:]]
    return {
        "training_pictures": pictures,
        "catdog_ms_per_picture": ours,
        "plain_ms_per_picture": plain,
        "ratio_of_medians": median(ours) / median(plain),
    }


def _train(data: Path, limit_per_class: int, runs: Path) -> tuple[list[float], int]:
    """Return seconds of each epoch and the number of training pictures."""
    _python(
        "-m",
        "trainer.cli",
        f"--data={data}",
        f"--epochs={_EPOCHS}",
        f"--limit-per-class={limit_per_class}",
        f"--runs={runs}",
        "--name=speed",
    )
    run = read_run_folder(runs / "speed")
    return [epoch.seconds for epoch in read_history(run)], len(run.splits.on(Side.TRAIN))


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"python {' '.join(arguments)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
