"""The formats that an export can write: a new one is a folder beside this file, and a line here."""

from __future__ import annotations

from exporter.errors import ConversionError
from exporter.formats.format import ExportFormat
from exporter.formats.onnx.format import ONNX_FILES
from exporter.formats.tflite.format import TFLITE_FILES

FORMATS: dict[str, ExportFormat] = {made.name: made for made in (TFLITE_FILES, ONNX_FILES)}


def format_named(name: str) -> ExportFormat:
    """Return a format by its name.

    Raises:
        ConversionError: there is none of that name.
    """
    if name not in FORMATS:
        raise ConversionError(f"format {name!r} is unknown: expected {', '.join(FORMATS)}")
    return FORMATS[name]
