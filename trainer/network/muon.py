"""The optimiser Muon for networks of convolutions."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("catdog")
class ConvolutionMuon(keras.optimizers.Muon):  # type: ignore[misc]
    """Keras's Muon, for the kernels of convolutions: each moves by the orthogonalised momentum of its gradient.

    A kernel is taken as a matrix of `(height * width * inputs, filters)`. Keras's own Muon leaves everything that
    is not a matrix to AdamW. Here AdamW has only the rest: batch normalisation and the last dense layer.

    Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) != 4

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        moved = ops.add(gradient, self.momentum * m)  # Nesterov
        matrix = ops.reshape(moved, (math.prod(variable.shape[:-1]), variable.shape[-1]))
        update = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(update, variable.shape))
