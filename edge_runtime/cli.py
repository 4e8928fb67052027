"""The command `catdog-edge`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import PictureError
from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import next_command, one_line_errors, say

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier, Prediction


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="catdog-edge")
def main() -> None:
    """Classify pictures with a bundle made by catdog-export."""


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--model", type=click.Path(path_type=Path), help="Bundle folder.  [default: newest in bundles/]")
@click.option("--backend", default="auto", show_default=True, help="litert, tflite-runtime or onnxruntime.")
@click.option("--precision", default="auto", show_default=True, help="int8 or float32.")
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: one per core, at most 4]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def classify(
    paths: tuple[str, ...],
    model: Path | None,
    backend: str,
    precision: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say what is on each picture. Exit code 1 when one could not be read."""
    with one_line_errors("onnx"):
        from edge_runtime.bundle import newest_bundle
        from edge_runtime.classifier import Classifier

        folder = model or newest_bundle()
        with native_output_to(Path(os.devnull)):  # LiteRT announces its delegate
            classifier = Classifier.open(folder, backend, precision=precision, threads=threads)
        say(f"{folder / classifier.file.path} with {classifier.backend}", err=True)
        failed = _classify_all(classifier, paths, _json_line if as_json else _table_line)
    if failed:
        say(f"{failed} of {len(paths)} could not be classified", err=True)
        sys.exit(1)
    data = os.path.dirname(paths[0]) or "."
    next_command(f"catdog-bench run --model {shlex.quote(str(folder))} --data {shlex.quote(data)}")


def _classify_all(
    classifier: Classifier, paths: tuple[str, ...], line: Callable[[str, Prediction | PictureError], str]
) -> int:
    failed = 0
    for path in paths:
        try:
            say(line(path, classifier.classify(path)))
        except PictureError as error:
            failed += 1
            say(line(path, error), err=line is _table_line)
    return failed


def _table_line(path: str, result: Prediction | PictureError) -> str:
    if isinstance(result, PictureError):
        return f"error: {result}"
    time_ms = result.decode_ms + result.preprocess_ms + result.inference_ms
    return f"{path}  {result.label}  {result.confidence:.1%}  {time_ms:.1f} ms"


def _json_line(path: str, result: Prediction | PictureError) -> str:
    if isinstance(result, PictureError):
        return json.dumps({"path": path, "error": result.reason})
    return json.dumps({"path": path} | result.to_dict())
