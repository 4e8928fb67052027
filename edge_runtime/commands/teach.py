"""The command `catdog-edge teach`: teach the network of a bundle new labels, from a few pictures of each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.commands.options import JSON
from edge_runtime.folders import BUNDLES
from edge_runtime.terminal import next_command, one_line_errors, quoted, say, say_exactly, show_status

if TYPE_CHECKING:
    from edge_runtime.teaching.base import Base
    from edge_runtime.teaching.lesson import Lesson, Taught


class TeachOptions(NamedTuple):
    """The arguments and options of `catdog-edge teach`."""

    folder: Path | None
    added: tuple[tuple[str, Path], ...]
    name: str | None
    bundle: Path | None
    as_json: bool


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--add", "added", nargs=2, multiple=True, type=(str, click.Path(path_type=Path)), metavar="LABEL FOLDER",
    help="Add a label, or more pictures of one, to the bundle. May be given several times.",
)  # fmt: skip
@click.option("--name", help="Name of the new bundle.  [default: that of FOLDER; with --add that of the bundle]")
@click.option(
    "--bundle", "--model", "bundle", type=click.Path(path_type=Path),
    help="Bundle whose network is used.  [default: that of the package; with --add the newest in bundles/, if any]",
)  # fmt: skip
@JSON
def teach(**values: Any) -> None:
    """Teach the network of a bundle new labels.

    FOLDER holds a folder of pictures for each label, 5 pictures or more. Thirty are better. The network stays as it
    is, and its last layer is fitted anew. The result is a bundle in bundles/, and takes seconds.
    """
    options = TeachOptions(**values)
    if (options.folder is None) == (not options.added):
        raise click.UsageError("expected FOLDER, or --add LABEL FOLDER, and not both.")
    # OpenBLAS waits for its threads by turning in circles: beside other work one thread takes a sixth of the time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with one_line_errors("onnx"):
        from edge_runtime.atomic_folder import plain_name
        from edge_runtime.native_output import native_errors_hidden

        name = None if options.name is None else plain_name(options.name, "--name")
        with native_errors_hidden():
            taught, lesson = _taught(options, name)
        _say_result(taught, lesson, as_json=options.as_json)
        next_command(f"catdog-edge classify --bundle {quoted(taught.folder)} PICTURE")


def _taught(options: TeachOptions, name: str | None) -> tuple[Taught, Lesson]:
    from edge_runtime.atomic_folder import plain_name
    from edge_runtime.bundle.folder import PRETRAINED, default_bundle, read_bundle
    from edge_runtime.parallel import usable_cores
    from edge_runtime.teaching.base import open_base
    from edge_runtime.teaching.lesson import require_taught_or_new, teach

    source = options.bundle or (default_bundle() if options.added else PRETRAINED)
    bundle = read_bundle(source)
    default = options.folder.resolve().name if options.folder else bundle.name
    target = BUNDLES / plain_name(name or default, "--name")
    require_taught_or_new(target)
    base = open_base(bundle, usable_cores())
    say(f"{bundle.path_of(base.file)} with {base.backend}", err=True)
    lesson = _lesson(base, options)
    for path, reason in lesson.left_out:
        say(f"left out: {path}: {reason}", err=True)
    if sys.stderr.isatty():
        show_status("fitting")
    try:
        return teach(lesson, target), lesson
    finally:
        _clear_status()


def _lesson(base: Base, options: TeachOptions) -> Lesson:
    from edge_runtime.teaching.class_folders import class_folders, pictures_below
    from edge_runtime.teaching.lesson import added_lesson, new_lesson

    try:
        if options.folder is not None:
            return new_lesson(base, class_folders(options.folder), report=_report)
        paths: dict[str, list[str]] = {}
        for label, folder in options.added:
            paths.setdefault(label, []).extend(pictures_below(folder))
        return added_lesson(base, paths, report=_report)
    finally:
        _clear_status()


def _report(label: str, done: int) -> None:
    if sys.stderr.isatty():
        show_status(f"{label}: {done} pictures read")


def _clear_status() -> None:
    if sys.stderr.isatty():
        show_status("")


def _say_result(taught: Taught, lesson: Lesson, *, as_json: bool) -> None:
    if as_json:
        import json

        say_exactly(json.dumps(result(taught, lesson)))
        return
    for line in result_lines(taught, lesson):
        say(line)


def result(taught: Taught, lesson: Lesson) -> dict[str, Any]:
    """Return the JSON object of the result."""
    return {
        "bundle": str(taught.folder),
        "labels": list(lesson.labels),
        "kept": list(lesson.fixed),
        "confidence_threshold": taught.manifest.confidence_threshold,
        "held_out": taught.record["held_out"],
        "nearly_the_same": list(taught.alone),
        "left_out": [picture._asdict() for picture in lesson.left_out],
        "size_bytes": taught.manifest.files[0].size_bytes,
    }


def result_lines(taught: Taught, lesson: Lesson) -> list[str]:
    """Return the lines for people: each label, the accuracy on pictures held out, and what it is worth."""
    held_out = taught.record["held_out"]
    wide = max(map(len, lesson.labels))
    lines = [
        f"{label:{wide}}  kept; {found['taken']} of {found['rows']} typical examples now go to an added label"
        for label, found in held_out["kept"].items()
    ]
    for label, found in held_out["by_label"].items():
        lines.append(f"{label:{wide}}  {found['right']} of {found['pictures']} right when held out")
    low, high = held_out["interval"]
    share = f"{held_out['accuracy']:.1%} [{low:.1%}, {high:.1%}]"
    of = " of added labels" if lesson.fixed else ""
    lines.append(f"accuracy{of} {share}: each of {held_out['pictures']:,} pictures was held out once")
    lines += _warnings(taught, lesson)
    threshold = taught.manifest.confidence_threshold
    lines.append(f"below {threshold:.0%} confidence an answer is unsure" if threshold else "no answer is unsure")
    lines.append(f"{taught.folder}: {taught.manifest.files[0].size_bytes / 1e6:.2f} MB")
    return lines


def _warnings(taught: Taught, lesson: Lesson) -> list[str]:
    lines = [
        f"{label}: its pictures look nearly the same, so none says how well another one is known. Add others."
        for label in taught.alone
    ]
    if lesson.fixed:
        lines.append(
            f"The bundle has no pictures of {', '.join(lesson.fixed)}. To know what is lost, measure on yours: "
            "catdog-bench run."
        )
    held_out = taught.record["held_out"]
    largest = max(found["pictures"] for found in held_out["by_label"].values()) / held_out["pictures"]
    if not lesson.fixed and held_out["interval"][0] <= largest:
        lines.append("This may be no better than guessing. Add pictures, or choose labels that differ more.")
    return lines
