"""The formats and precisions of the model files in a bundle.

A new format needs an entry in `FORMATS`, a backend that loads it, and an entry in the exporter's table.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

TFLITE = "tflite"
ONNX = "onnx"


class ModelFormat(NamedTuple):
    """A file format.

    Attributes:
        title: its name for people.
        suffix: the ending of its file names.
        starts: says whether bytes can be the start of such a file; None when nothing tells.
    """

    title: str
    suffix: str
    starts: Callable[[bytes], bool] | None = None


def _starts_tflite(content: bytes) -> bool:
    return content[4:8] == b"TFL3"


def _starts_onnx(content: bytes) -> bool:
    """Say whether there is a version of one byte, and then any other field of a ModelProto."""
    tag, version, field = content[:3].ljust(3, b"\0")
    return tag == 0x08 and 1 <= version <= 0x7F and field in b"\x12\x1a\x22\x28\x32\x3a\x42"


# The key is the word in manifests.
FORMATS: dict[str, ModelFormat] = {
    TFLITE: ModelFormat("TFLite", ".tflite", _starts_tflite),
    ONNX: ModelFormat("ONNX", ".onnx", _starts_onnx),
}


class Precision(StrEnum):
    """Number formats of a model file. `auto` tries them in this order: the fastest and smallest first.

    Attributes:
        INT8: all arithmetic is in integers.
        MIXED: int8, except for layers that had to stay in float. The bundle's report names these layers.
        DYNAMIC: the weights are int8, the activations float.
        FLOAT16: the weights are stored in half precision.
        FLOAT32: weights and arithmetic are in single precision.
    """

    INT8 = "int8"
    MIXED = "mixed"
    DYNAMIC = "dynamic"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


def require_format(name: object) -> str:
    """Return the name of a format after checking that it is a key of `FORMATS`.

    Raises:
        ValueError: `FORMATS` has no such key.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise ValueError(f"the format {name!r} is unknown, expected {' or '.join(FORMATS)}")
    return name


def format_of(content: bytes) -> str | None:
    """Return the format that a file's first bytes are of, or None where they tell none."""
    found = (name for name, known in FORMATS.items() if known.starts and known.starts(content))
    return next(found, None)
