"""The formats and precisions that the model files of a bundle can have.

A format is added by an entry here, a backend that loads it, and an entry in the exporter's table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

TFLITE = "tflite"
ONNX = "onnx"


class ModelFormat(NamedTuple):
    """A file format: its name for people, and the ending of its file names."""

    title: str
    suffix: str


# By the word that manifests use.
FORMATS: dict[str, ModelFormat] = {
    TFLITE: ModelFormat("TFLite", ".tflite"),
    ONNX: ModelFormat("ONNX", ".onnx"),
}


class Precision(StrEnum):
    """Number formats of a model file, in the order in which `auto` tries them: the fastest and smallest first.

    int8: integer arithmetic throughout.
    mixed: int8, except for layers that had to stay in float; the bundle's report names them.
    dynamic: int8 weights, float activations.
    float16: weights stored in half precision.
    float32: weights and arithmetic in single precision.
    """

    INT8 = "int8"
    MIXED = "mixed"
    DYNAMIC = "dynamic"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


def require_format(name: object) -> str:
    """Return the word of a format.

    Raises:
        ValueError: `FORMATS` has no such format.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise ValueError(f"the format {name!r} is unknown, expected {' or '.join(FORMATS)}")
    return name
