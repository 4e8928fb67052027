"""What a user would write around a bare interpreter: one tensor, and a loop over picture files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


class PlainInterpreter:
    """A bare interpreter with one thread."""

    def __init__(self, model_path: Path) -> None:
        """Load a TFLite file."""
        self.interpreter = Interpreter(str(model_path), num_threads=1)
        self.interpreter.allocate_tensors()
        self.source = self.interpreter.get_input_details()[0]
        self.result = self.interpreter.get_output_details()[0]

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Run one picture, `(height, width, 3)` of the file's type, and return its raw outputs."""
        self.interpreter.set_tensor(self.source["index"], pixels[None])
        self.interpreter.invoke()
        scores: np.ndarray = self.interpreter.get_tensor(self.result["index"])[0]
        return scores

    def run_files(self, paths: Iterable[str]) -> None:
        """Open, convert, resize and run picture files one after the other."""
        _, height, width, _ = self.source["shape"]
        for path in paths:
            image = Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
            self.run(np.asarray(image, self.source["dtype"]))
