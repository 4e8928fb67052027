"""Run the same model and pictures through what a user would write instead, all in turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.run.pictures import Pictures, find_pictures
from benchmarks.run.timing import SETTLE_S, Process, describe, interleave, paired_ratio
from edge_runtime.backends import BACKENDS, installed_backends
from edge_runtime.bundle import Bundle, Precision, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.markdown import table
from edge_runtime.proof.shares import wilson_interval
from edge_runtime.run_folder import MODEL

PHASE = "pictures and processes"
PROCESSES = 5  # of each peer, to time whole processes
_WARM_UP = 3

Report = Callable[[int, int], None]


# The scripts that a user would write around each backend: module of this package by title.
SCRIPTS: dict[str, dict[str, str]] = {
    "litert": {"label_image": "label_image", "plain ai-edge-litert": "plain_litert"},
    "onnxruntime": {"plain ONNX Runtime": "plain_onnx"},
}


class Peer(NamedTuple):
    """One way to classify a picture: its module, its arguments, and the title of ours to compare it with."""

    module: str
    arguments: tuple[str, ...]
    against: str


def list_peers(bundle: Bundle, run: Path | None) -> dict[str, Peer]:
    """Return by title the peers whose file and library are there. Ours comes before the scripts of its backend.

    Args:
        bundle: a bundle with int8 files.
        run: the run folder with the Keras model; None leaves Keras out.

    Raises:
        BenchmarkError: no installed backend with scripts loads an int8 file of the bundle, or the run has no model.
    """
    files = {file.format: bundle.path_of(file) for file in bundle.files if file.precision == Precision.INT8}
    peers: dict[str, Peer] = {}
    for backend in installed_backends():
        title, file = BACKENDS[backend].title, files.get(BACKENDS[backend].format)
        if file is None or backend not in SCRIPTS:
            continue
        ours = f"catdog-edge, {title}"
        peers[ours] = Peer("ours", (str(bundle.folder), backend, Precision.INT8), ours)
        peers |= {name: Peer(module, (str(file),), ours) for name, module in SCRIPTS[backend].items()}
    if not peers:
        raise BenchmarkError(
            f"{bundle.folder}: no int8 file that {' or '.join(SCRIPTS)} loads here. Export with --quantize int8."
        )
    if run is not None:
        model = run / MODEL
        if not model.exists():
            raise BenchmarkError(f"{model}: not there. Name the run folder of the bundle with --run.")
        peers["Keras predict"] = Peer("keras_predict", (str(model),), next(iter(peers)))
    return peers


def compare_peers(
    folder: Path,
    data: Path,
    *,
    run: Path | None,
    rounds: int,
    report: Report = lambda done, total: None,
) -> dict[str, Any]:
    """Time a picture in a process that keeps running, and a whole process for one picture.

    Args:
        folder: a bundle with int8 files.
        data: a picture, or a folder of pictures.
        run: the run folder with the Keras model; None leaves Keras out.
        rounds: pictures for each peer.
        report: called with the steps done and the total.

    Returns:
        A JSON object: for each peer times of both kinds, their ratios to ours with intervals, and its accuracy if
        true labels are known.

    Raises:
        BenchmarkError: there are no pictures, or a peer cannot run.
    """
    bundle = read_bundle(folder)
    peers = list_peers(bundle, run)
    pictures = find_pictures(data, bundle, most=rounds)
    total = rounds + PROCESSES
    pictures_ms, answers = _pictures(peers, pictures, rounds, lambda done, _: report(done, total))
    whole_ms = _processes(peers, pictures.paths[0], lambda done, _: report(rounds + done, total))
    return {
        name: {
            "picture": describe(pictures_ms[name]).to_dict(),
            "process": describe(whole_ms[name]).to_dict(),
            "against": peer.against,
            "picture_ratio": paired_ratio(pictures_ms[name], pictures_ms[peer.against]).to_dict(),
            "process_ratio": paired_ratio(whole_ms[name], whole_ms[peer.against]).to_dict(),
            **_right(answers[name], pictures),
        }
        for name, peer in peers.items()
    }


def _pictures(
    peers: dict[str, Peer], pictures: Pictures, rounds: int, report: Report
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the milliseconds of each picture, and the answers of each peer, both without the warm-up."""
    answers: dict[str, list[Any]] = {name: [] for name in peers}
    with ExitStack() as stack:
        tasks = {}
        for name, peer in peers.items():
            process = stack.enter_context(Process(f"benchmarks.peers.{peer.module}", *peer.arguments))
            tasks[name] = partial(_ask, process, cycle(_in_turn(pictures)), answers[name])
        times = interleave(tasks, rounds=rounds, warm_up=_WARM_UP, settle_s=SETTLE_S, report=report)
    return times, {name: found[_WARM_UP:] for name, found in answers.items()}


def _in_turn(pictures: Pictures) -> list[str]:
    """Return the paths in such an order that the first one comes right after the warm-up."""
    paths = [str(path) for path in pictures.paths]
    shift = _WARM_UP % len(paths)
    return paths[len(paths) - shift :] + paths[: len(paths) - shift]


def _ask(process: Process, paths: cycle[str], answers: list[Any]) -> None:
    answers.append(process.ask(next(paths)))


def _processes(peers: dict[str, Peer], picture: Path, report: Report) -> dict[str, Any]:
    """Return milliseconds from the start of a process to its end after one picture."""

    def task(peer: Peer) -> None:
        with Process(f"benchmarks.peers.{peer.module}", *peer.arguments) as process:
            process.ask(str(picture))

    tasks = {name: partial(task, peer) for name, peer in peers.items()}
    return dict(interleave(tasks, rounds=PROCESSES, warm_up=0, report=report))


def _right(answers: list[Any], pictures: Pictures) -> dict[str, Any]:
    """Return the number of pictures that a peer could not read, and its accuracy if true labels are known.

    A picture that it could not read counts as wrong.
    """
    failed = sum(answer is None for answer in answers)
    if pictures.targets is None:
        return {"failed": failed, "accuracy": None, "accuracy_interval": None}
    known = list(zip(answers, np.resize(pictures.targets, len(answers)), strict=True))
    right = sum(_label(answer) == target for answer, target in known if answer is not None)
    interval = wilson_interval(right, len(known))
    return {"failed": failed, "accuracy": right / len(known), "accuracy_interval": interval}


def _label(scores: list[float]) -> int:
    return int(label_scores(np.array(scores)).argmax())


def describe_peers(found: dict[str, Any]) -> str:
    """Return the findings of `compare_peers` as a Markdown table."""
    header = ("", "one picture, ms", "times ours", "whole process, ms", "times ours", "accuracy", "failed")
    rows = []
    for name, item in found.items():
        ratios = [
            _ratio(item[key]) if item["against"] != name else "1" for key in ("picture_ratio", "process_ratio")
        ]
        right = "unknown" if item["accuracy"] is None else f"{item['accuracy']:.1%}"
        picture, process = (f"{item[key]['median_ms']:.2f}" for key in ("picture", "process"))
        rows.append((name, picture, ratios[0], process, ratios[1], right, str(item["failed"])))
    return table(header, rows)


def _ratio(ratio: dict[str, Any]) -> str:
    low, high = ratio["interval"]
    return f"{ratio['value']:.2f} [{low:.2f}, {high:.2f}]"
