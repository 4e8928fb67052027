"""What a finished TFLite or ONNX file of others says of itself. Each format reads its own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.bundle.interface import Layout
from edge_runtime.bundle.manifest import TensorInfo
from exporter.errors import SourceError


@dataclass(frozen=True)
class FileFacts:
    """What a file says.

    Args:
        format: a key of `FORMATS`.
        content: the bytes that go into the bundle.
        input: its input tensor.
        output: its output tensor.
        ending: the operator that makes its outputs, in lower case, such as `softmax`; empty when unknown.
        labels: the labels that it carries; empty if none.
        normalisation: mean and deviation of pixels 0-255 that it states; None if it states none.
        notes: what was changed or assumed, a sentence each.
    """

    format: str
    content: bytes
    input: TensorInfo
    output: TensorInfo
    ending: str = ""
    labels: tuple[str, ...] = ()
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Whether the channels come first or last."""
        shape = self.input.shape
        return Layout.NCHW if shape[1] in (1, 3) and shape[3] not in (1, 3) else Layout.NHWC

    @property
    def picture(self) -> tuple[int, int, int]:
        """Height, width and channels of the input; -1 where the file leaves a size open."""
        _, *sizes = self.input.shape
        if self.layout is Layout.NCHW:
            return sizes[1], sizes[2], sizes[0]
        return sizes[0], sizes[1], sizes[2]


def require_one(path: Path, inputs: list[str], outputs: list[str]) -> None:
    """Refuse a file of several inputs or outputs.

    Raises:
        SourceError: it has.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        raise SourceError(
            f"{path}: expected one input and one output, received the inputs {', '.join(inputs) or 'none'} and the "
            f"outputs {', '.join(outputs) or 'none'}. Convert a classifier: one picture in, one row of scores out."
        )
