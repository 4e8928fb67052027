"""The same model and pictures through what a user would write or pick instead, in one interleaved run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.run.pictures import Pictures, find_pictures
from benchmarks.run.timing import SETTLE_S, Process, describe, interleave, paired_ratio
from edge_runtime.bundle import ONNX, TFLITE, Bundle, Precision, read_bundle
from edge_runtime.bundle.scores import label_scores
from edge_runtime.markdown import table
from edge_runtime.proof.shares import wilson_interval

PHASE = "pictures and processes"
PROCESSES = 5  # of each peer, for the time of a whole process
_WARM_UP = 3

Report = Callable[[int, int], None]


class Peer(NamedTuple):
    """One way to classify a picture: its module, what it is started with, and which of ours it is held against."""

    module: str
    arguments: tuple[str, ...]
    against: str


def list_peers(folder: Path, bundle: Bundle, run: Path | None) -> dict[str, Peer]:
    """Return the peers that there is a file and a library for, ours first.

    Args:
        folder: the bundle.
        bundle: its manifest.
        run: the run folder with the Keras model; None leaves Keras out.

    Raises:
        BenchmarkError: the bundle has no int8 file, or the run no Keras model.
    """
    files = {file.format: folder / file.path for file in bundle.files if file.precision == Precision.INT8}
    peers: dict[str, Peer] = {}
    tflite, onnx = files.get(TFLITE), files.get(ONNX)
    if tflite and find_spec("ai_edge_litert"):
        ours = "catdog-edge, LiteRT"
        peers[ours] = Peer("ours", (str(folder), "litert", "int8"), ours)
        peers["label_image"] = Peer("label_image", (str(tflite),), ours)
        peers["plain ai-edge-litert"] = Peer("plain_litert", (str(tflite),), ours)
    if onnx and find_spec("onnxruntime"):
        ours = "catdog-edge, ONNX Runtime"
        peers[ours] = Peer("ours", (str(folder), "onnxruntime", "int8"), ours)
        peers["plain ONNX Runtime"] = Peer("plain_onnx", (str(onnx),), ours)
    if not peers:
        raise BenchmarkError(f"{folder}: has no int8 file that a runtime here loads. Export with --quantize int8.")
    if run is not None:
        model = run / "model.keras"
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
    """Time a picture in a process that goes on, and a whole process for one picture.

    Args:
        folder: a bundle with int8 files.
        data: a picture, or a folder of pictures.
        run: the run folder with the Keras model; None leaves Keras out.
        rounds: pictures for each peer.
        report: called with steps done and in all.

    Returns:
        A JSON object by peer: times of both kinds, their ratios to ours with intervals, and accuracy where known.

    Raises:
        BenchmarkError: there are no pictures, or a peer cannot run.
    """
    bundle = read_bundle(folder)
    peers = list_peers(folder, bundle, run)
    pictures = find_pictures(data, folder, bundle, most=rounds)
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
    """Return milliseconds a picture, and what each peer answered, without the warm-up."""
    answers: dict[str, list[Any]] = {name: [] for name in peers}
    with ExitStack() as stack:
        tasks = {}
        for name, peer in peers.items():
            process = stack.enter_context(Process(f"benchmarks.peers.{peer.module}", *peer.arguments))
            tasks[name] = partial(_ask, process, cycle(_in_turn(pictures)), answers[name])
        times = interleave(tasks, rounds=rounds, warm_up=_WARM_UP, settle_s=SETTLE_S, report=report)
    return times, {name: found[_WARM_UP:] for name, found in answers.items()}


def _in_turn(pictures: Pictures) -> list[str]:
    """Return the paths so that the warm-up takes the last ones and the first round the first."""
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
    """Return how many pictures a peer could not read, and its accuracy on all, where true labels are known."""
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
    """Return what `compare_peers` found as a Markdown table."""
    header = ("", "a picture, ms", "times ours", "whole process, ms", "times ours", "accuracy", "failed")
    rows = []
    for name, item in found.items():
        ratios = [
            _ratio(item[key]) if item["against"] != name else "1" for key in ("picture_ratio", "process_ratio")
        ]
        right = "not known" if item["accuracy"] is None else f"{item['accuracy']:.1%}"
        picture, process = (f"{item[key]['median_ms']:.2f}" for key in ("picture", "process"))
        rows.append((name, picture, ratios[0], process, ratios[1], right, str(item["failed"])))
    return table(header, rows)


def _ratio(ratio: dict[str, Any]) -> str:
    low, high = ratio["interval"]
    return f"{ratio['value']:.2f} [{low:.2f}, {high:.2f}]"
