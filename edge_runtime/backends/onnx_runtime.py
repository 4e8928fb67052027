"""Run ONNX files with ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_runtime.backends.external_data import has_external_data
from edge_runtime.bundle.manifest import TensorInfo
from edge_runtime.errors import BackendError
from edge_runtime.picture.preprocessing import Pixels

# onnxruntime's own exceptions derive from Exception, each on its own.
_OWN_ERRORS: tuple[type[Exception], ...] = tuple(
    error
    for error in vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    if isinstance(error, type) and issubclass(error, Exception)
)
_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
}
# And what the binding makes of C++'s: a damaged name is a UnicodeDecodeError, which is a ValueError.
_ERRORS: tuple[type[Exception], ...] = (*_OWN_ERRORS, RuntimeError, ValueError, IndexError)


class OnnxModel:
    """A loaded ONNX file. It takes one picture and gives one row of scores.

    Attributes:
        input: the tensor that takes the picture.
        output: the tensor that gives the scores.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """Prepare the input buffer. Every call reuses it.

        Raises:
            ValueError: input or output hold no numbers, or the input has no fixed size.
        """
        source, result = session.get_inputs()[0], session.get_outputs()[0]
        batch, *sizes = source.shape or [1]
        dtypes = [_DTYPES.get(tensor.type) for tensor in (source, result)]
        if None in dtypes or not all(isinstance(size, int) for size in sizes):
            raise ValueError(
                "expected a uint8 or float32 input of fixed size and a float32 output, "
                f"received {source.type} {source.shape} and {result.type}"
            )
        dtype, result_dtype = map(str, dtypes)
        self.input, self.output = _tensor_info(source, dtype), _tensor_info(result, result_dtype)
        self._session = session
        self._name = source.name
        # A file for 16 pictures at once gets one and 15 black ones.
        self._buffer = np.zeros((batch if isinstance(batch, int) else 1, *sizes), dtype)
        self._outputs = [result.name]

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the model on one picture.

        Args:
            pixels: `uint8 (height, width, 3) RGB 0-255`, or an adapter's values in the shape of the input.

        Returns:
            `float32 (outputs,)`, 0-1.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        self._buffer[0] = pixels
        try:
            scores: NDArray[np.float32] = self._session.run(self._outputs, {self._name: self._buffer})[0][0]
        except _ERRORS as error:
            reason = " ".join(str(error).split())
            raise BackendError(f"the backend failed on a picture: {reason}") from error
        return scores


def _tensor_info(tensor: onnxruntime.NodeArg, dtype: str) -> TensorInfo:
    """Describe a tensor. A size that is a name or missing is open (-1), and a missing shape is one open size."""
    shape = tuple(size if isinstance(size, int) else -1 for size in tensor.shape) or (-1,)
    return TensorInfo(tensor.name, dtype, shape)


def open_model(content: bytes, threads: int) -> OnnxModel:
    """Load the bytes of an ONNX file, to run on `threads` threads.

    Raises:
        ValueError: ONNX Runtime does not load the file, or the file wants another one, which has no hash.
    """
    if has_external_data(content):
        raise ValueError(
            "it keeps its weights in another file, which the bundle's hashes do not cover. Save it as one file."
        )
    options = onnxruntime.SessionOptions()
    # Or it would also take ONNX Runtime's own format, in which weights can lie in another file too.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # By default waiting threads spin for tens of milliseconds: at 30 frames a second that wastes a whole core. 3 ms
    # are enough until the next picture of a folder is decoded. Older releases, such as 1.20, ignore this entry.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "3000")
    try:
        return OnnxModel(onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]))
    except _ERRORS as error:
        raise ValueError(str(error)) from error
