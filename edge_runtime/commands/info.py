"""The command `catdog-edge info`: say what is in a bundle, which file is used on this machine, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime import backends
from edge_runtime.backends.trial import Outcome, try_file
from edge_runtime.bundle.manifest import TAUGHT
from edge_runtime.commands.options import BACKEND, BUNDLE, JSON, PRECISION
from edge_runtime.errors import BundleError
from edge_runtime.terminal import one_line_errors, say, say_exactly

if TYPE_CHECKING:
    from edge_runtime.backends.selection import PassedOver
    from edge_runtime.bundle.folder import Bundle
    from edge_runtime.bundle.manifest import ModelFile

    Pairs = list[tuple[ModelFile, str]]


class Choice(NamedTuple):
    """What `classify` would use.

    Attributes:
        use: the file and the backend; None if it finds none.
        passed_over: files that come first and do not load.
        fatal: whether the last of them ends the process that loads it.
    """

    use: tuple[ModelFile, str] | None
    passed_over: tuple[PassedOver, ...]
    fatal: bool = False


@click.command()
@BUNDLE
@BACKEND
@PRECISION
@JSON
def info(bundle: Path | None, backend: str, precision: str, as_json: bool) -> None:
    """Say what is in a bundle and which file is used here.

    The last line says why this file is used and no other.
    """
    with one_line_errors("onnx"):
        import json

        from edge_runtime.bundle.folder import default_bundle

        values = describe_bundle(bundle or default_bundle(), backend, precision)
    if as_json:
        say_exactly(json.dumps(values, indent=1))
        return
    for line in bundle_lines(values):
        say(line)


def describe_bundle(folder: Path, backend: str = backends.AUTO, precision: str = backends.AUTO) -> dict[str, Any]:
    """Describe a bundle as a JSON object.

    Args:
        folder: the bundle folder.
        backend: `auto` or a key of `edge_runtime.backends.BACKENDS`. Default `auto`.
        precision: `auto` or a `Precision`. Default `auto`.

    Returns:
        The manifest with these changes: `selftest` has only the paths of the pictures; each of `files` has a
            `status`; `use` is the path and the backend of the file in use, or None; `reason` says why.

    Raises:
        BundleError: the bundle is missing or damaged, or its version is unknown.
        BackendError: the backend or the precision is unknown.
    """
    from edge_runtime.backends.selection import candidates, nothing_loads
    from edge_runtime.bundle.folder import read_bundle

    bundle = read_bundle(folder)
    pairs = candidates(bundle, backend, precision)
    choice = _choose(bundle, pairs)
    if choice.use or choice.fatal:
        reason = _reason(choice, pairs)
    else:
        reason = nothing_loads(bundle.folder, backend, precision, list(choice.passed_over))
    values = bundle.manifest.to_dict()
    values["selftest"] = [picture["path"] for picture in values["selftest"]]
    for record, file in zip(values["files"], bundle.files, strict=True):
        record["status"] = _status(file, pairs, choice)
    use = choice.use and {"path": choice.use[0].path, "backend": choice.use[1]}
    return values | {"use": use, "reason": reason}


def _choose(bundle: Bundle, pairs: Pairs) -> Choice:
    """Try files in their order, each in a process of its own, until one loads or ends its process."""
    from edge_runtime.backends.selection import PassedOver

    passed_over: list[PassedOver] = []
    for file, backend in pairs:
        trial = try_file(bundle, file, backend)
        if trial.outcome is Outcome.RAN:
            return Choice((file, backend), tuple(passed_over))
        if trial.outcome is Outcome.MISFIT:
            raise BundleError(trial.reason)
        passed_over.append(PassedOver(file.path, backend, trial.reason))
        if trial.outcome is Outcome.ENDED:
            return Choice(None, tuple(passed_over), fatal=True)
    return Choice(None, tuple(passed_over))


def bundle_lines(values: dict[str, Any]) -> list[str]:
    """Return the lines for people.

    Args:
        values: the object that `describe_bundle` returned.
    """
    sizes = values["preprocessing"]
    threshold, taught = values["confidence_threshold"], _taught(values["extra"])
    lines = [
        f"bundle     {values['name']}",
        f"labels     {', '.join(values['labels'])}",
        f"pictures   {sizes['width']} x {sizes['height']} RGB, {sizes['resize_filter']}",
        f"threshold  {f'{threshold:.0%}: less is unsure' if threshold else 'none'}",
        f"self-test  {len(values['selftest'])} pictures",
        taught or f"training   {', '.join(_training(values['training'])) or 'unknown'}",
        "",
    ]
    for file in values["files"]:
        tensor = f"{file['input']['dtype']} in, {file['output']['dtype']} out"
        measured = "" if taught else f"{_measured(file['drift'])} "
        lines.append(
            f"{file['path']:22} {file['size_bytes'] / 1e6:7.2f} MB  {tensor:24} {measured}{file['status']}"
        )
    use = values["use"]
    return [*lines, "", f"in use: {use['path']} with {use['backend']}" if use else "in use: none", values["reason"]]


def _measured(drift: dict[str, Any]) -> str:
    """Return the accuracy that the export measured, and the gate's verdict. A foreign manifest may have neither."""
    try:
        low, high = drift["interval"]
        accuracy = f"accuracy {drift['accuracy']:.2%} [{low:.2%}, {high:.2%}] of {drift['pictures']:,}"
        return f"{accuracy}, {drift['gate']['state']} "
    except (KeyError, TypeError, ValueError):
        return "accuracy unknown "


def _taught(extra: dict[str, Any]) -> str:
    """Return how the bundle was taught on a device, or an empty text where it was not."""
    if TAUGHT not in extra:
        return ""
    try:
        found, base = extra[TAUGHT]["held_out"], extra[TAUGHT]["base"]["name"]
        low, high = found["interval"]
        accuracy = f"accuracy {found['accuracy']:.1%} [{low:.1%}, {high:.1%}] of {found['pictures']:,} held out"
        return f"taught     on a device with the network of {base}: {accuracy}; no other format can be made of it"
    except (KeyError, TypeError, ValueError):
        return "taught     on a device; its record is damaged"


def _training(training: dict[str, Any]) -> list[str]:
    known = {key: training.get(key) for key in ("name", "architecture", "seed")}
    return [f"{key} {value}" for key, value in known.items() if value not in (None, "")]


def _reason(choice: Choice, pairs: Pairs) -> str:
    if choice.fatal:
        return (
            f"{choice.passed_over[-1]}. It comes first, so every command that loads it ends so. Copy or export the "
            "bundle again, or choose another file with --backend or --precision."
        )
    failed = "".join(f" Passed over: {file}." for file in choice.passed_over)
    if len(pairs) == 1:
        return f"It is the only file that fits this machine and your options.{failed}"
    order = "int8 before float"
    titles = [backends.BACKENDS[name].title for name in dict.fromkeys(name for _, name in pairs)]
    if len(titles) > 1:
        order += f", {' before '.join(titles)} on this processor"
    return (
        f"It comes first of the {len(pairs)} that can be run here: {order}. "
        f"`catdog-bench run` measures them all. --backend and --precision choose another one.{failed}"
    )


def _status(file: ModelFile, pairs: Pairs, choice: Choice) -> str:
    if choice.use and choice.use[0] == file:
        return f"in use with {choice.use[1]}"
    names = [name for candidate, name in pairs if candidate == file]
    if not names:
        fitting = [library.install for library in backends.BACKENDS.values() if library.format == file.format]
        installed = {backends.BACKENDS[name].format for name in backends.installed_backends()}
        return "not asked for" if file.format in installed else f"no backend: {'; or '.join(fitting)}"
    for passed in choice.passed_over:
        if passed.path == file.path:
            return f"does not load: {passed.reason}" if choice.fatal else "does not load"
    return f"runs with {', '.join(names)}"
