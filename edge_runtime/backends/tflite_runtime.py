"""Run TFLite files with tflite-runtime 2.14, the predecessor of LiteRT. It is for 32-bit Arm."""

import numpy as np
from tflite_runtime.interpreter import Interpreter

from edge_runtime.backends.interpreter import InterpreterModel


def open_model(content: bytes, threads: int) -> InterpreterModel:
    """Load the bytes of a TFLite file, to run on `threads` threads.

    Raises:
        RuntimeError: the installed NumPy is too new for tflite-runtime.
    """
    try:
        return InterpreterModel(Interpreter(model_content=content, num_threads=threads))
    # It was built for NumPy 1. With a newer NumPy the import works, and the first use fails here.
    except SystemError as error:
        raise RuntimeError(f"needs NumPy below 2, found {np.__version__}: pip install 'numpy<2'") from error
