"""Run a TFLite interpreter object; ai-edge-litert and tflite-runtime hand out the same kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import TensorInfo
from edge_runtime.errors import BackendError
from edge_runtime.picture.preprocessing import Pixels


class InterpreterModel:
    """A loaded TFLite file with one picture in and one row of scores out.

    Args:
        interpreter: an `Interpreter` of either library, not yet allocated.

    Attributes:
        input: the picture's tensor.
        output: the scores' tensor.
    """

    def __init__(self, interpreter: Any) -> None:
        """Allocate the tensors and keep what every call needs.

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
        """Run one picture, `uint8 (height, width, 3) RGB 0-255`, and return `float32 (outputs,)`, 0-1.

        Raises:
            BackendError: the runtime failed.
        """
        # Written straight into the interpreter's own buffer; a float file's buffer converts on the way.
        self._input()[0] = pixels
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise BackendError(f"the runtime failed on a picture: {error}") from error
        scores: NDArray[np.float32] = (self._output()[0].astype(np.float32) - self._zero_point) * self._scale
        return scores


def _tensor_info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    shape = tuple(int(size) for size in details["shape_signature"])
    return TensorInfo(details["name"], np.dtype(details["dtype"]).name, shape, float(scale), int(zero_point))
