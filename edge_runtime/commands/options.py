"""Options that the commands of `catdog-edge` share, and the classifier that they describe."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
# Written out, as the modules that define them take too long to import for a help page; a test compares.
BACKENDS = ("auto", "litert", "tflite-runtime", "onnxruntime")
PRECISIONS = ("auto", "int8", "mixed", "dynamic", "float16", "float32")
BACKEND = click.option("--backend", type=click.Choice(BACKENDS), default="auto", show_default=True, help="Runtime.")
PRECISION = click.option(
    "--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True,
    help="Number format of the file; mixed is int8 with some layers in float.",
)  # fmt: skip


class NumberRange(click.FloatRange):
    """A range without the number that is none: it passes every comparison with a bound."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Return the number, or refuse it as Click does."""
        number: float = super().convert(value, parameter, context)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", parameter, context)
        return number


THREADS = click.option(
    "--threads", type=click.IntRange(1), help="Inference threads.  [default: one per core, at most 4]"
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
MIN_CONFIDENCE = click.option(
    "--min-confidence", type=NumberRange(0, 1), help="Below it the answer is unsure.  [default: the bundle's]"
)


def open_classifier(folder: Path, options: dict[str, Any], *, threads: int) -> Classifier:
    """Open a bundle as the command's options say, and say which file is in use."""
    # NumPy's OpenBLAS keeps every core busy while it starts; nothing here multiplies matrices with it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with uncollected_start(), native_output_to(Path(os.devnull)):  # LiteRT announces its delegate
        from edge_runtime.backends.selection import select
        from edge_runtime.bundle import read_bundle

        bundle = read_bundle(folder)
        selection = select(folder, bundle, options["backend"], options["precision"], threads)

        from edge_runtime.classifier import Classifier
        from edge_runtime.picture.decoding import MAX_PIXELS

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
