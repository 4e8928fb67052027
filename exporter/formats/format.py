"""What an export can do with files of one format. `exporter/formats/table.py` lists the formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_runtime.bundle import Precision
from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.formats.layer_error import LayerError
from exporter.formats.operators import Graph

if TYPE_CHECKING:
    import keras

Narrow = Callable[[bytes], bytes]


class Quantize(Protocol):
    """Makes an integer file of the float32 one."""

    def __call__(self, float32: bytes, calibration: Pixels, *, keep_float: tuple[str, ...] = ()) -> bytes:
        """Return the file, with ranges from pictures `uint8 (N, H, W, 3)` and the named operators in float32."""


@dataclass(frozen=True)
class ExportFormat:
    """A file format that an export can write.

    Args:
        name: its key in `edge_runtime.bundle.formats.FORMATS`.
        backend: the backend that judges its files.
        convert: makes the float32 file of a Keras model.
        read_graph: reads what a file computes.
        packages: the packages that write its files; a bundle records their versions.
        float16: makes the float16 file of the float32 one; None if there is none.
        dynamic: makes the dynamic-range file of the float32 one; None if there is none.
        int8: makes the int8 file of the float32 one; None if there is none.
        layer_errors: measures the noise in layers, from the float32 file, the int8 file and pictures; None if
            nothing can.
        oldest_backend: oldest release, of any library, that is known to run a file of each precision.
        scales_inside: whether the scales of an int8 file stand where no backend shows them.
    """

    name: str
    backend: str
    convert: Callable[[keras.Model], bytes]
    read_graph: Callable[[bytes], Graph]
    packages: tuple[str, ...] = ()
    float16: Narrow | None = None
    dynamic: Narrow | None = None
    int8: Quantize | None = None
    layer_errors: Callable[[bytes, bytes, Pixels], list[LayerError]] | None = None
    oldest_backend: Mapping[Precision, str] | None = None
    scales_inside: bool = False

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The precisions that there are: float32, and what can be made of it."""
        makers = {Precision.FLOAT16: self.float16, Precision.DYNAMIC: self.dynamic, Precision.INT8: self.int8}
        return (Precision.FLOAT32, *(precision for precision, maker in makers.items() if maker))

    def quantized(
        self, float32: bytes, precision: Precision, calibration: Pixels, keep_float: tuple[str, ...] = ()
    ) -> bytes:
        """Return the file of a precision.

        Args:
            float32: the float32 file.
            precision: what to make of it; mixed is int8 with `keep_float`.
            calibration: `uint8 (N, H, W, 3) RGB 0-255`, pictures that set the integer ranges.
            keep_float: operators to leave in float32.

        Raises:
            ConversionError: the format has no such file, or a converter failed.
        """
        if precision is Precision.FLOAT32:
            return float32
        narrow = {Precision.FLOAT16: self.float16, Precision.DYNAMIC: self.dynamic}.get(precision)
        if narrow:
            return narrow(float32)
        if precision in (Precision.INT8, Precision.MIXED) and self.int8:
            return self.int8(float32, calibration, keep_float=keep_float)
        raise ConversionError(
            f"there is no {precision} file of the format {self.name}: expected {', '.join(self.precisions)}"
        )

    def measure_layer_errors(self, float32: bytes, int8: bytes, pixels: Pixels) -> tuple[LayerError, ...]:
        """Return the error of every convolution and dense layer over some pictures, worst first.

        Args:
            float32: the float32 file.
            int8: the file quantised from it.
            pixels: `uint8 (N, H, W, 3) RGB 0-255`.
        """
        found = self.layer_errors(float32, int8, pixels) if self.layer_errors else []
        return tuple(sorted(found, key=lambda error: error.signal_to_noise_db))
