"""Write the model file and the self-test pictures of a taught bundle."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import open_model
from edge_runtime.bundle.manifest import SELFTEST, ModelFile, SelfTestPicture
from edge_runtime.errors import BackendError
from edge_runtime.picture.preprocessing import load_picture
from edge_runtime.teaching.base import Base
from edge_runtime.teaching.head import Array, Head, softmax
from edge_runtime.teaching.tflite_file import evened, taught_file

_BEYOND, _LEAST_MARGIN = 0.05, 0.1  # range of logits left on each side for pictures to come: a share, and the least
_LARGEST_DIFFERENCE = 0.1  # of a score from what was fitted, by rounding to int8


def write_files(folder: Path, base: Base, head: Head, real: Array) -> tuple[ModelFile, tuple[SelfTestPicture, ...]]:
    """Write the model file and the self-test pictures into a bundle folder that is being made.

    Args:
        folder: the folder.
        base: the network.
        head: its new last layer.
        real: real features of the pictures it was fitted to, `float64 (..., width)`. They say how far logits go.

    Returns:
        The records of the file and of the pictures.

    Raises:
        BackendError: the backend does not run the file, or it gives other scores than were fitted.
        PictureError: a self-test picture of the base bundle cannot be read.
    """
    pixels = [
        load_picture(base.bundle.folder / known.path, base.bundle.preprocessing) for known in base.bundle.selftest
    ]
    features = [base.real(base.features(picture)) for picture in pixels]
    centred, fitted = head.centred(), real.reshape(-1, real.shape[-1])
    logits = centred.logits(np.concatenate([fitted, *(row[None] for row in features)]))
    margin = max(_BEYOND * float(np.ptp(logits)), _LEAST_MARGIN)
    content = taught_file(
        base.network, evened(centred, fitted), (float(logits.min()) - margin, float(logits.max()) + margin)
    )
    model = open_model(base.backend, content, 1)
    (folder / base.file.path).write_bytes(content)
    file = replace(
        base.file,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        input=model.input,
        output=model.output,
        drift={},
    )
    pictures = []
    for known, picture, row in zip(base.bundle.selftest, pixels, features, strict=True):
        scores = model.predict(picture)
        _refuse_other(scores, softmax(head.logits(row[None]))[0], base)
        (folder / SELFTEST).mkdir(exist_ok=True)
        shutil.copy(base.bundle.folder / known.path, folder / known.path)
        rounded = tuple(round(float(score), 7) for score in scores)
        digest = hashlib.sha256(picture.tobytes()).hexdigest()
        pictures.append(SelfTestPicture(known.path, digest, {file.path: rounded}))
    return file, tuple(pictures)


def _refuse_other(scores: NDArray[np.float32], fitted: Array, base: Base) -> None:
    """Refuse a file that does not compute what was fitted.

    Raises:
        BackendError: a score of a self-test picture is another one.
    """
    difference = float(np.abs(scores - fitted).max())
    if not difference <= _LARGEST_DIFFERENCE:
        raise BackendError(
            f"{base.backend}: the file that was made gives a self-test picture scores that differ by "
            f"{difference:.2f} from those that were fitted, expected at most {_LARGEST_DIFFERENCE}. Teach with "
            "another --bundle."
        )
