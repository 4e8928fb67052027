"""Feed a model file that others made, and turn its outputs into scores, as its `Interface` says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import Backend
from edge_runtime.bundle.interface import Activation, Layout
from edge_runtime.bundle.manifest import ModelFile, TensorInfo
from edge_runtime.picture.source import Pixels

_AXES = {
    Layout.NHWC: (0, 1, 2, 3),
    Layout.NCHW: (0, 2, 3, 1),
}  # batch, rows, columns, colours


class AdaptedModel:
    """A loaded file of others that takes pixels and gives scores as files of ours do.

    Attributes:
        input: the tensor that takes the picture, with its sizes in the order of NHWC.
        output: the tensor that gives the outputs.
    """

    def __init__(self, model: Backend, file: ModelFile) -> None:
        """Work out what every call needs.

        Args:
            model: the loaded file.
            file: its entry in the manifest, with an interface.

        Raises:
            ValueError: the input has not four axes.
        """
        interface = file.interface
        assert interface is not None
        shape = model.input.shape
        if len(shape) != 4:
            raise ValueError(f"expected an input of four axes, such as (1, 224, 224, 3), received {shape}")
        self.input: TensorInfo = replace(model.input, shape=tuple(shape[axis] for axis in _AXES[interface.layout]))
        self.output = model.output
        self._model, self._interface = model, interface
        self._mean = np.array(interface.mean, np.float32)
        self._deviation = np.array(interface.deviation, np.float32)
        self._dtype = np.dtype(model.input.dtype)
        self._input, self._scores = file.input, file.output

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the model on one picture.

        Args:
            pixels: `uint8 (height, width, 3) RGB 0-255`, or `(height, width, 1)` of grey.

        Returns:
            `float32 (outputs,)`, 0-1.

        Raises:
            BackendError: the backend failed.
        """
        values = (pixels - self._mean) / self._deviation
        if self._dtype.kind in "iu":
            steps = np.rint(values / np.float32(self._input.scale or 1) + self._input.zero_point)
            limits = np.iinfo(self._dtype)
            values = np.clip(steps, limits.min, limits.max)
        if self._interface.layout is Layout.NCHW:
            values = values.transpose(2, 0, 1)
        outputs = self._model.predict(values.astype(self._dtype)).reshape(-1).astype(np.float32)
        if self._scores.scale and not self._model.output.scale:  # ONNX keeps the scale inside the file
            outputs = (outputs - np.float32(self._scores.zero_point)) * np.float32(self._scores.scale)
        return activated(outputs, self._interface.activation)


def activated(outputs: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Return the scores of outputs `(outputs,)`, 0-1."""
    if activation is Activation.SOFTMAX:
        powers = np.exp(outputs - outputs.max())
        outputs = powers / powers.sum()
    elif activation is Activation.SIGMOID:
        outputs = np.float32(1) / (np.float32(1) + np.exp(-np.clip(outputs, -80, 80)))
    return outputs
