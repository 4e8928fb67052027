"""Run a TFLite file through the `Interpreter` object that ai-edge-litert and tflite-runtime both have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.bundle.manifest import TensorInfo
from edge_runtime.errors import BackendError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.picture.source import Pixels


class InterpreterModel:
    """A loaded TFLite file. It takes one picture and gives one row of scores.

    Args:
        interpreter: the `Interpreter` of one of the two libraries, before `allocate_tensors`.

    Attributes:
        input: the tensor that takes the picture.
        output: the tensor that gives the scores.
    """

    def __init__(self, interpreter: Any) -> None:
        """Allocate the tensors and keep the values that every call needs.

        Raises:
            ValueError: the file takes neither uint8 nor float32 pictures.
        """
        interpreter.allocate_tensors()
        source = interpreter.get_input_details()[0]
        result = interpreter.get_output_details()[0]
        if source["dtype"] not in (np.uint8, np.float32):
            raise ValueError(f"expected a uint8 or float32 input, received {source['dtype'].__name__}")
        self.input, self.output = _tensor_info(source), _tensor_info(result)
        self._interpreter = interpreter
        self._input = interpreter.tensor(source["index"])
        self._output = interpreter.tensor(result["index"])
        self._scale = np.float32(self.output.scale or 1.0)
        self._zero_point = np.float32(self.output.zero_point)

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the model on one picture.

        Args:
            pixels: `uint8 (height, width, 3) RGB 0-255`.

        Returns:
            `float32 (outputs,)`, 0-1.

        Raises:
            BackendError: the interpreter failed.
        """
        try:
            # Written straight into the interpreter's own buffer; a float file's buffer converts on the way.
            self._input()[0] = pixels
            self._interpreter.invoke()
            outputs: NDArray[np.float32] = self._output()[0].astype(np.float32)
        # ValueError: a tensor without data, or of another shape. IndexError, AttributeError: one without a batch.
        except (RuntimeError, ValueError, IndexError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise BackendError(f"the backend failed on a picture: {reason}") from error
        return (outputs - self._zero_point) * self._scale


def _tensor_info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    shape = tuple(int(size) for size in details["shape_signature"])
    return TensorInfo(details["name"], np.dtype(details["dtype"]).name, shape, float(scale), int(zero_point))
