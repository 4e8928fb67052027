"""The command `catdog-edge selftest`: prove that a bundle is whole and gives the right scores on this machine."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.backends import AUTO, BACKENDS
from edge_runtime.bundle.formats import Precision
from edge_runtime.commands.options import BACKEND, BUNDLE, JSON, PRECISION
from edge_runtime.errors import BackendError, BundleError, CatdogError
from edge_runtime.native_output import native_output_to
from edge_runtime.terminal import ExitCode, one_line_errors, say, say_exactly

if TYPE_CHECKING:
    from edge_runtime.bundle.folder import Bundle
    from edge_runtime.bundle.manifest import ModelFile, SelfTestPicture
    from edge_runtime.classifier import Classifier
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
@JSON
def selftest(bundle: Path | None, backend: str, precision: str, as_json: bool) -> None:
    """Prove that a bundle works on this machine.

    It checks that no model file has changed, that pictures become the same pixels as at export, and that the scores
    are the same within a small tolerance.

    The exit code is 1 when a check fails.
    """
    with one_line_errors("onnx"):
        import json

        from edge_runtime.bundle.folder import default_bundle

        with native_output_to(Path(os.devnull)):
            checks = run_selftest(bundle or default_bundle(), backend, precision=precision)
    for check in checks:
        if as_json:
            say_exactly(json.dumps(check.to_dict()))
        else:
            say(f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.detail}")
    failed = sum(not check.passed for check in checks)
    say(f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed", err=True)
    sys.exit(ExitCode.ERROR if failed else ExitCode.DONE)


def run_selftest(folder: Path, backend: str = AUTO, *, precision: str = AUTO) -> tuple[Check, ...]:
    """Check the hashes, the preprocessing and the scores of a bundle.

    Args:
        folder: the bundle folder.
        backend: `auto` for every installed backend, or a key of `edge_runtime.backends.BACKENDS`. Default `auto`.
        precision: `auto` for every precision, or a `Precision`. Default `auto`.

    Returns:
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
    checks = [_check_hash(bundle, file) for file in bundle.files]
    pixels = {}
    for picture in bundle.selftest:
        check, loaded = _check_picture(bundle, picture)
        checks.append(check)
        if loaded is not None:
            pixels[picture.path] = loaded
    checks += [_check_scores(bundle, file, name, pixels) for file, name in pairs]
    if not pairs:
        checks.append(Check("backend", False, _no_backend(bundle)))
    return tuple(checks)


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
        pixels = load_picture(bundle.folder / picture.path, bundle.preprocessing)
    except CatdogError as error:
        return Check(picture.path, False, f"{error}. Copy or export the bundle again."), None
    received = hashlib.sha256(pixels.tobytes()).hexdigest()
    if received == picture.pixels_sha256:
        return Check(picture.path, True, "preprocessed to the same pixels as at export"), pixels
    wanted = f"expected SHA-256 {picture.pixels_sha256[:12]}..., received {received[:12]}..."
    advice = "Install the Pillow release that the bundle's training section names."
    return Check(picture.path, False, f"preprocessed to other pixels: {wanted} {advice}"), pixels


def _check_scores(bundle: Bundle, file: ModelFile, backend: str, pixels: dict[str, Pixels]) -> Check:
    from edge_runtime.classifier import Classifier

    name = f"{file.path} with {backend}"
    try:
        classifier = Classifier.open(bundle.folder, backend, precision=file.precision, threads=1)
        difference = _largest_difference(classifier, pixels)
    except (BackendError, BundleError) as error:
        return Check(name, False, str(error))
    if not pixels:
        return Check(name, True, "runs; the bundle carries no self-test pictures to compare scores on")
    allowed = TOLERANCE[file.precision]
    found = f"largest difference of a score {difference:.2g} on {len(pixels)} pictures, allowed {allowed:g}"
    advice = "" if difference <= allowed else ". Use another --backend or --precision on this machine."
    return Check(name, difference <= allowed, found + advice)


def _largest_difference(classifier: Classifier, pixels: dict[str, Pixels]) -> float:
    differences = [0.0]
    for picture in classifier.bundle.selftest:
        if picture.path in pixels:
            scores = classifier.scores(pixels[picture.path]).tolist()
            expected = picture.scores[classifier.file.path]
            differences += [abs(one - other) for one, other in zip(scores, expected, strict=True)]
    return max(differences, key=lambda difference: math.inf if math.isnan(difference) else difference)


def _no_backend(bundle: Bundle) -> str:
    formats = sorted({file.format for file in bundle.files})
    installs = [backend.install for backend in BACKENDS.values() if backend.format in formats]
    return f"no installed backend runs {', '.join(formats) or 'anything'}. Install one: {'; or '.join(installs)}"
