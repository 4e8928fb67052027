"""ONNX files through ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import TensorInfo
from edge_runtime.errors import BackendError
from edge_runtime.picture.preprocessing import Pixels

# onnxruntime's own exceptions derive from Exception, each on its own.
_ERRORS = tuple(
    getattr(onnxruntime.capi.onnxruntime_pybind11_state, name)
    for name in ("Fail", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "InvalidArgument", "RuntimeException")
)


class OnnxModel:
    """A loaded ONNX file with one picture in and one row of scores out.

    Attributes:
        input: the picture's tensor.
        output: the scores' tensor.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """Prepare the input buffer that every call reuses.

        Raises:
            ValueError: the file does not take uint8 or float32 pictures of one size and give float32 scores.
        """
        source, result = session.get_inputs()[0], session.get_outputs()[0]
        sizes = source.shape[1:]
        dtype = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}.get(source.type)
        if dtype is None or result.type != "tensor(float)" or not all(isinstance(size, int) for size in sizes):
            raise ValueError(
                "expected a uint8 or float32 input of fixed size and a float32 output, "
                f"received {source.type} {source.shape} and {result.type}"
            )
        self.input, self.output = _tensor_info(source, np.dtype(dtype).name), _tensor_info(result, "float32")
        self._session = session
        self._name = source.name
        self._buffer = np.zeros((1, *sizes), dtype)
        self._outputs = [result.name]

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run one picture, `uint8 (height, width, 3) RGB 0-255`, and return `float32 (outputs,)`, 0-1.

        Raises:
            BackendError: the runtime failed.
        """
        self._buffer[0] = pixels
        try:
            scores: NDArray[np.float32] = self._session.run(self._outputs, {self._name: self._buffer})[0][0]
        except _ERRORS as error:
            raise BackendError(f"the runtime failed on a picture: {error}") from error
        return scores


def _tensor_info(tensor: onnxruntime.NodeArg, dtype: str) -> TensorInfo:
    """Describe a tensor; sizes that are names or missing are open, and no shape at all is one open size."""
    shape = tuple(size if isinstance(size, int) else -1 for size in tensor.shape) or (-1,)
    return TensorInfo(tensor.name, dtype, shape)


def open_model(content: bytes, threads: int) -> OnnxModel:
    """Load an ONNX file's bytes to run on `threads` threads.

    Raises:
        ValueError: ONNX Runtime does not load the file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Waiting threads spin for tens of milliseconds otherwise: at 30 frames a second, a whole core for nothing. 3 ms
    # last until the next picture of a folder is decoded. Older releases, 1.20 among them, ignore this.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "3000")
    try:
        return OnnxModel(onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]))
    except _ERRORS as error:
        raise ValueError(str(error)) from error
