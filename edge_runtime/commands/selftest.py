"""The command `catdog-edge selftest`: prove that a bundle is whole and gives the right scores on this machine."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.backends import AUTO, BACKENDS
from edge_runtime.backends.trial import TIMEOUT_S, Outcome, try_file
from edge_runtime.bundle.formats import Precision
from edge_runtime.commands.options import BACKEND, BUNDLE, JSON, PRECISION, NumberRange
from edge_runtime.errors import BundleError, CatdogError
from edge_runtime.native_output import native_errors_hidden
from edge_runtime.terminal import ExitCode, one_line_errors, say, say_exactly

if TYPE_CHECKING:
    from edge_runtime.bundle.folder import Bundle
    from edge_runtime.bundle.manifest import ModelFile, SelfTestPicture
    from edge_runtime.picture.source import Pixels

# The largest difference of a score that is allowed on another processor. Float sums may round differently, and a
# score of an int8 file may differ by a few steps of 1/256.
TOLERANCE = {
    Precision.FLOAT32: 0.001,
    Precision.FLOAT16: 0.005,
    Precision.DYNAMIC: 0.02,
    Precision.INT8: 0.02,
    Precision.MIXED: 0.02,
}


class Check(NamedTuple):
    """One check of the self-test.

    Attributes:
        name: what was checked.
        passed: whether the check passed.
        detail: what was found. If the check failed, also what was expected and what to do.
    """

    name: str
    passed: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return self._asdict()


@click.command()
@BUNDLE
@BACKEND
@PRECISION
@click.option(
    "--timeout", "timeout_s", type=NumberRange(1, 86_400), default=TIMEOUT_S, show_default=True, metavar="SECONDS",
    help="Longest time for one file with one backend.",
)  # fmt: skip
@JSON
def selftest(bundle: Path | None, backend: str, precision: str, timeout_s: float, as_json: bool) -> None:
    """Prove that a bundle works on this machine.

    It checks that no model file has changed, that pictures become the same pixels as at export, and that the scores
    are the same within a small tolerance.

    Each file runs in a process of its own. The exit code is 1 when a check fails.
    """
    checks, failed = 0, 0
    with one_line_errors("onnx"):
        import json

        from edge_runtime.bundle.folder import default_bundle

        folder = bundle or default_bundle()
        for check in run_selftest(folder, backend, precision=precision, timeout_s=timeout_s):
            if as_json:
                say_exactly(json.dumps(check.to_dict()))
            else:
                say(f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.detail}")
            checks += 1
            failed += not check.passed
    say(f"{failed} of {checks} checks failed" if failed else f"all {checks} checks passed", err=True)
    sys.exit(ExitCode.ERROR if failed else ExitCode.DONE)


def run_selftest(
    folder: Path, backend: str = AUTO, *, precision: str = AUTO, timeout_s: float = TIMEOUT_S
) -> Iterator[Check]:
    """Check the hashes, the preprocessing and the scores of a bundle, one after the other.

    Args:
        folder: the bundle folder.
        backend: `auto` for every installed backend, or a key of `edge_runtime.backends.BACKENDS`. Default `auto`.
        precision: `auto` for every precision, or a `Precision`. Default `auto`.
        timeout_s: longest time for one file with one backend, seconds. Default 120.

    Yields:
        One check for the hash of each model file, one for each self-test picture, and one for each pair of a model
            file and a backend that runs it.

    Raises:
        BundleError: the manifest cannot be read.
        BackendError: the backend or the precision is unknown.
    """
    from edge_runtime.backends.selection import candidates
    from edge_runtime.bundle.folder import read_bundle

    bundle = read_bundle(folder)
    pairs = candidates(bundle, backend, precision)
    for file in bundle.files:
        yield _check_hash(bundle, file)
    pixels = {}
    for picture in bundle.selftest:
        check, loaded = _check_picture(bundle, picture)
        yield check
        if loaded is not None:
            pixels[picture.path] = loaded
    for file, name in pairs:
        yield _check_scores(bundle, file, name, pixels, timeout_s=timeout_s)
    if not pairs:
        yield Check("backend", False, _no_backend(bundle))


def _check_hash(bundle: Bundle, file: ModelFile) -> Check:
    try:
        content = bundle.read(file)
    except BundleError as error:
        return Check(file.path, False, str(error))
    return Check(file.path, True, f"{len(content):,} bytes, SHA-256 as exported")


def _check_picture(bundle: Bundle, picture: SelfTestPicture) -> tuple[Check, Pixels | None]:
    import hashlib

    from edge_runtime.picture.preprocessing import load_picture

    try:
        with native_errors_hidden():
            pixels = load_picture(bundle.folder / picture.path, bundle.preprocessing)
    except CatdogError as error:
        return Check(picture.path, False, f"{error}. Copy or export the bundle again."), None
    received = hashlib.sha256(pixels.tobytes()).hexdigest()
    if received == picture.pixels_sha256:
        return Check(picture.path, True, "preprocessed to the same pixels as at export"), pixels
    wanted = f"expected SHA-256 {picture.pixels_sha256[:12]}..., received {received[:12]}..."
    advice = "Install the Pillow release that the bundle's training section names."
    return Check(picture.path, False, f"preprocessed to other pixels: {wanted} {advice}"), pixels


def _check_scores(
    bundle: Bundle, file: ModelFile, backend: str, pixels: dict[str, Pixels], *, timeout_s: float
) -> Check:
    name = f"{file.path} with {backend}"
    known = [picture for picture in bundle.selftest if picture.path in pixels]
    loaded = [pixels[picture.path] for picture in known]
    trial = try_file(bundle, file, backend, loaded, timeout_s=timeout_s)
    if trial.outcome is Outcome.ENDED:
        return Check(name, False, f"{trial.reason}. Export the bundle again, or use another --backend.")
    if trial.outcome is not Outcome.RAN:
        return Check(name, False, trial.reason)
    if not known:
        return Check(name, True, "runs; the bundle carries no self-test pictures to compare scores on")
    difference = _largest_difference(trial.scores, [picture.scores[file.path] for picture in known])
    allowed = TOLERANCE[file.precision]
    found = f"largest difference of a score {difference:.2g} on {len(known)} pictures, allowed {allowed:g}"
    advice = "" if difference <= allowed else ". Use another --backend or --precision on this machine."
    return Check(name, difference <= allowed, found + advice)


def _largest_difference(scores: Sequence[Sequence[float]], expected: Sequence[Sequence[float]]) -> float:
    differences = [
        abs(one - other)
        for row, known in zip(scores, expected, strict=True)
        for one, other in zip(row, known, strict=True)
    ]
    return max(differences, key=lambda difference: math.inf if math.isnan(difference) else difference)


def _no_backend(bundle: Bundle) -> str:
    formats = sorted({file.format for file in bundle.files})
    installs = [backend.install for backend in BACKENDS.values() if backend.format in formats]
    return f"no installed backend runs {', '.join(formats) or 'anything'}. Install one: {'; or '.join(installs)}"
