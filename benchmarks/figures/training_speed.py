"""Time an epoch of catdog-train against one of plain Keras `fit`, each in its own process, in turns."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.run.program import run_program
from edge_runtime.child_process import module_command
from edge_runtime.run_folder import Side, read_history, read_run_folder

_EPOCHS = 3  # the first is not counted, as it traces the graph and fills caches


def compare(data: Path, *, limit_per_class: int, rounds: int) -> dict[str, Any]:
    """Train the report network both ways on the same number of pictures, and compare the times.

    Args:
        data: folder with a sub-folder per class.
        limit_per_class: the largest number of pictures of each class.
        rounds: trainings of each side.

    Returns:
        Milliseconds per training picture of each side, one number per counted epoch, and the ratio of medians.

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
        arguments = (str(data), str(pictures), str(_EPOCHS))
        epochs = json.loads(_run("benchmarks.peers.plain_fit", *arguments).splitlines()[-1])
        plain += [seconds * 1e3 / (steps * 32) for seconds in epochs[1:]]
    return {
        "training_pictures": pictures,
        "catdog_ms_per_picture": ours,
        "plain_ms_per_picture": plain,
        "ratio_of_medians": median(ours) / median(plain),
    }


def _train(data: Path, limit_per_class: int, runs: Path) -> tuple[list[float], int]:
    """Train with catdog-train. Return the seconds of each epoch, and the number of training pictures."""
    _run(
        "trainer.cli",
        f"--data={data}",
        f"--epochs={_EPOCHS}",
        f"--limit-per-class={limit_per_class}",
        f"--runs={runs}",
        "--name=speed",
    )
    run = read_run_folder(runs / "speed")
    return [epoch.seconds for epoch in read_history(run)], len(run.splits.on(Side.TRAIN))


def _run(module: str, *arguments: str) -> str:
    return run_program(module_command(module, *arguments), name=" ".join((module, *arguments)))
