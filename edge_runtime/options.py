"""Options that the commands of `catdog-edge` share, and the classifier that they describe."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import say

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier

MODEL = click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Bundle folder.  [default: newest in bundles/, else the shipped one]",
)
BACKEND = click.option(
    "--backend", default="auto", show_default=True, help="litert, tflite-runtime or onnxruntime."
)
PRECISION = click.option(
    "--precision", default="auto", show_default=True, help="int8, dynamic, float16 or float32."
)
THREADS = click.option(
    "--threads", type=click.IntRange(1), help="Inference threads.  [default: one per core, at most 4]"
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
MIN_CONFIDENCE = click.option(
    "--min-confidence", type=click.FloatRange(0, 1), help="Below it the answer is unsure.  [default: the bundle's]"
)


def open_classifier(folder: Path, options: dict[str, Any], *, threads: int) -> Classifier:
    """Open a bundle as the command's options say, and say which file is in use."""
    from edge_runtime.bundle import read_bundle
    from edge_runtime.selection import select

    # LiteRT announces its delegate. NumPy and Pillow are imported while the model file is read and hashed.
    quiet = native_output_to(Path(os.devnull))
    with uncollected_start(), quiet, imported_meanwhile("edge_runtime.classifier"):
        bundle = read_bundle(folder)
        selection = select(folder, bundle, options["backend"], options["precision"], threads)
    from edge_runtime.classifier import Classifier
    from edge_runtime.picture import MAX_PIXELS

    classifier = Classifier(
        bundle,
        selection,
        threads=threads,
        min_confidence=options["min_confidence"],
        max_pixels=options.get("max_pixels", MAX_PIXELS),
    )
    say(f"{folder / classifier.file.path} with {classifier.backend}", err=True)
    return classifier


@contextmanager
def uncollected_start() -> Iterator[None]:
    """Spare the block's objects, which live as long as the process, the garbage collector's visits.

    Measured on `catdog-edge classify` of one picture: a sixth of its time, half of it at the very end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def imported_meanwhile(module: str) -> Iterator[None]:
    """Import a module in a thread beside the block; what fails is left for the real import to report."""

    def attempt() -> None:
        with suppress(Exception):
            import_module(module)

    thread = Thread(target=attempt)
    thread.start()
    try:
        yield
    finally:
        thread.join()
