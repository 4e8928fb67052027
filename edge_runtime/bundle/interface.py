"""How a picture goes into a model file that others made, and how its outputs become scores.

A file that catdog-export made needs none of this: it takes RGB 0-255 with the channels last, and gives scores.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edge_runtime.errors import BundleError
from edge_runtime.strict_json import shortened


class Layout(StrEnum):
    """The order of the axes of a model's input."""

    NHWC = "NHWC"
    NCHW = "NCHW"


class Activation(StrEnum):
    """What turns the outputs of a model into scores 0-1."""

    NONE = "none"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


@dataclass(frozen=True)
class Interface:
    """What a model file of others takes and gives.

    The input is `(pixel - mean) / deviation`. Where the file's input tensor is quantised, this value is divided by
    its scale, its zero point is added, and the sum is rounded and clipped to the type.

    Args:
        layout: order of the axes. Default NHWC.
        mean: what is taken from a pixel 0-255; one number, or one for each channel. Default 0.
        deviation: what the rest is divided by, not 0; as many numbers as `mean`. Default 1.
        activation: what the outputs go through to become scores. Default none.
    """

    layout: Layout = Layout.NHWC
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    activation: Activation = Activation.NONE

    def __post_init__(self) -> None:
        """Refuse values with which no input can be computed.

        Raises:
            BundleError: a number is not finite, a deviation is 0, or there are not 1 or 3 of them.
        """
        numbers = (*self.mean, *self.deviation)
        finite = all(type(value) in (int, float) and math.isfinite(value) for value in numbers)
        if not finite or len(self.mean) not in (1, 3) or len(self.mean) != len(self.deviation):
            raise _unexpected("1 or 3 numbers for mean and as many for deviation", (self.mean, self.deviation))
        if not all(self.deviation):
            raise _unexpected("deviations other than 0", self.deviation)

    def to_dict(self) -> dict[str, Any]:
        """Return its JSON object."""
        return asdict(self) | {"mean": list(self.mean), "deviation": list(self.deviation)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Interface:
        """Make the record from its JSON object.

        Raises:
            BundleError: a value is out of range.
            KeyError: a key is missing.
            TypeError: a key is unknown, or `values` is no JSON object.
            ValueError: the layout or the activation is unknown.
        """
        layout, activation = Layout(values["layout"]), Activation(values["activation"])
        return cls(**values | {"layout": layout, "activation": activation} | _tuples(values))


def _tuples(values: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    for key in ("mean", "deviation"):
        if not isinstance(values[key], list):
            raise TypeError(f"{key} must be a list")
    return {key: tuple(values[key]) for key in ("mean", "deviation")}


def _unexpected(expected: str, received: object) -> BundleError:
    return BundleError(f"interface: expected {expected}, received {shortened(received)}. Export the bundle again.")
