"""Run TFLite files with LiteRT, the package ai-edge-litert."""

from ai_edge_litert.interpreter import Interpreter

from edge_runtime.backends.interpreter import InterpreterModel


def open_model(content: bytes, threads: int) -> InterpreterModel:
    """Load the bytes of a TFLite file, to run on `threads` threads."""
    return InterpreterModel(Interpreter(model_content=content, num_threads=threads))
