"""Make every wanted file from one Keras model."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.bundle.formats import FORMATS as RUNTIME_FORMATS
from edge_runtime.bundle.formats import Precision
from edge_runtime.errors import shortage_of
from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import ConversionError, FloatOperatorsError
from exporter.formats.operators import Graph
from exporter.formats.reason import reason_of
from exporter.formats.table import format_named

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ExportTarget:
    """A kind of file to write.

    Args:
        format: a key of `exporter.formats.table.FORMATS`.
        precision: number format.
    """

    format: str
    precision: Precision

    def __post_init__(self) -> None:
        """Refuse an unknown format.

        Raises:
            ConversionError: `FORMATS` has no such format.
        """
        format_named(self.format)

    @property
    def file_name(self) -> str:
        """Says what the file is, such as `model.int8.tflite`."""
        return f"model.{self.precision}{RUNTIME_FORMATS[self.format].suffix}"


@dataclass(frozen=True)
class Converted:
    """A finished model file.

    Args:
        target: what it is.
        content: its bytes.
        graph: what it computes.
    """

    target: ExportTarget
    content: bytes
    graph: Graph


def plan_targets(formats: Iterable[str], precisions: Iterable[Precision]) -> tuple[ExportTarget, ...]:
    """Return every combination that exists.

    Raises:
        ConversionError: a format is unknown.
    """
    wanted = tuple(precisions)
    return tuple(
        ExportTarget(name, precision)
        for name in formats
        for precision in wanted
        if precision in format_named(name).precisions
    )


class Converter:
    """Converts one model; the float32 file of each format is made once.

    Args:
        model: the Keras model, folded.
        calibration: `uint8 (N, H, W, 3) RGB 0-255` to take tensor ranges from.
    """

    def __init__(self, model: keras.Model, calibration: Pixels) -> None:
        """Begin with nothing converted."""
        self._model = model
        self._calibration = calibration
        self._float32: dict[str, bytes | ConversionError] = {}

    def convert(
        self, target: ExportTarget, *, calibration: Pixels | None = None, keep_float: tuple[str, ...] = ()
    ) -> Converted:
        """Return the file of a target.

        Args:
            target: what to make.
            calibration: other pictures to take ranges from.
            keep_float: operators to leave in float32, for a mixed file.

        Raises:
            FloatOperatorsError: an int8 file computes in float.
            ConversionError: the format is unknown, or a converter failed.
        """
        pictures = self._calibration if calibration is None else calibration
        format_ = format_named(target.format)
        float32 = self.float32(target.format)
        with _converter_errors():
            content = format_.quantized(float32, target.precision, pictures, keep_float)
            graph = format_.read_graph(content)
        if target.precision == Precision.INT8:
            _require_integer(graph, target.file_name)
        return Converted(target, content, graph)

    def float32(self, name: str) -> bytes:
        """Return the float32 file of a format.

        Raises:
            ConversionError: the converter failed.
        """
        if name not in self._float32:
            try:
                with _converter_errors():
                    self._float32[name] = format_named(name).convert(self._model)
            except ConversionError as error:  # all files of the format need it: it would fail for each of them
                self._float32[name] = error
        made = self._float32[name]
        if isinstance(made, ConversionError):
            raise ConversionError(str(made)) from made
        return made


@contextmanager
def _converter_errors() -> Iterator[None]:
    """Turn whatever a converter raises in the block into one error: one format must not take the others with it.

    Raises:
        ConversionError: the converter failed. The log of the export has its own words.
    """
    try:
        yield
    except (ConversionError, OSError, MemoryError):
        raise
    except Exception as error:
        if shortage_of(error):  # of memory or processes: no other file would fare better
            raise
        traceback.print_exc()
        raise ConversionError(f"the converter failed: {reason_of(error)}") from error


def _require_integer(graph: Graph, name: str) -> None:
    left = graph.without_integers()
    if left:
        listed = ", ".join(f"{operator.kind} ({operator.name})" for operator in left[:5])
        count = "1 operator computes" if len(left) == 1 else f"{len(left)} operators compute"
        raise FloatOperatorsError(
            f"{name}: expected integer arithmetic throughout, but {count} in float: {listed}. With --repair it is "
            "written as mixed. --quantize float16 needs no integers."
        )
