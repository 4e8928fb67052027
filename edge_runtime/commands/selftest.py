"""Prove on this machine that a bundle is whole and gives the scores that it was exported with."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime import backends
from edge_runtime.backends.selection import candidates
from edge_runtime.bundle import Bundle, ModelFile, Precision, SelfTestPicture, read_bundle, read_model_file
from edge_runtime.classifier import Classifier
from edge_runtime.errors import BackendError, BundleError, CatdogError
from edge_runtime.picture.preprocessing import Pixels, load_picture

# The largest difference of a score that another processor may bring: rounding of float sums; a few steps of 1/256.
TOLERANCE = {
    Precision.FLOAT32: 0.001,
    Precision.FLOAT16: 0.005,
    Precision.DYNAMIC: 0.02,
    Precision.INT8: 0.02,
    Precision.MIXED: 0.02,
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: what.
        passed: whether it is as it should be.
        detail: what was found; when it failed, what was expected and what to do.
    """

    name: str
    passed: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


def run_selftest(folder: Path, backend: str = "auto", *, precision: str = "auto") -> tuple[Check, ...]:
    """Check hashes, preprocessing and scores of a bundle.

    Args:
        folder: the bundle.
        backend: `auto` for every installed one, or a key of `edge_runtime.backends.BACKENDS`.
        precision: `auto` for every file, or a `Precision`.

    Returns:
        A check for each model file's hash, each self-test picture, and each file with each runtime that runs it.

    Raises:
        BundleError: the manifest cannot be read.
        BackendError: the backend or precision is unknown.
    """
    bundle = read_bundle(folder)
    pairs = candidates(bundle, backend, precision)
    checks = [_check_hash(folder, file) for file in bundle.files]
    pixels = {}
    for picture in bundle.selftest:
        check, loaded = _check_picture(folder, bundle, picture)
        checks.append(check)
        if loaded is not None:
            pixels[picture.path] = loaded
    checks += [_check_scores(folder, file, name, pixels) for file, name in pairs]
    if not pairs:
        checks.append(Check("runtime", False, _no_runtime(bundle)))
    return tuple(checks)


def _check_hash(folder: Path, file: ModelFile) -> Check:
    try:
        content = read_model_file(folder, file)
    except BundleError as error:
        return Check(file.path, False, str(error))
    return Check(file.path, True, f"{len(content):,} bytes, SHA-256 as exported")


def _check_picture(folder: Path, bundle: Bundle, picture: SelfTestPicture) -> tuple[Check, Pixels | None]:
    try:
        pixels = load_picture(folder / picture.path, bundle.preprocessing)
    except CatdogError as error:
        return Check(picture.path, False, f"{error}. Copy or export the bundle again."), None
    received = hashlib.sha256(pixels.tobytes()).hexdigest()
    if received == picture.pixels_sha256:
        return Check(picture.path, True, "preprocessed to the same pixels as at export"), pixels
    wanted = f"expected SHA-256 {picture.pixels_sha256[:12]}..., received {received[:12]}..."
    advice = "Install the Pillow release that the bundle's training section names."
    return Check(picture.path, False, f"preprocessed to other pixels: {wanted} {advice}"), pixels


def _check_scores(folder: Path, file: ModelFile, backend: str, pixels: dict[str, Pixels]) -> Check:
    name = f"{file.path} with {backend}"
    try:
        classifier = Classifier.open(folder, backend, precision=file.precision, threads=1)
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


def _no_runtime(bundle: Bundle) -> str:
    formats = sorted({file.format for file in bundle.files})
    installs = [library.install for library in backends.BACKENDS.values() if library.format in formats]
    return f"none installed that runs {', '.join(formats) or 'anything'}. Install one: {'; or '.join(installs)}"
