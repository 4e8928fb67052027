"""What a finished file computes in: the proof that int8 means int8. Each format reads its own files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

FLOATS = ("float16", "float32", "float64")
_MARKS = ("QUANTIZE", "DEQUANTIZE", "QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class Operator:
    """One operator of a graph.

    Args:
        kind: its name in the format, such as `CONV_2D` or `QLinearConv`.
        name: name of its first output.
        inputs: data types of its inputs that are no weights.
        outputs: data types of its outputs.
        hands_out_scores: whether it is the last one and only widens the finished integer scores to float32.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    hands_out_scores: bool = False

    @property
    def computes_in_float(self) -> bool:
        """Whether a floating-point tensor goes in or out."""
        return any(kind in FLOATS for kind in self.inputs + self.outputs)


@dataclass(frozen=True)
class Graph:
    """What a file computes.

    Args:
        operators: in order of execution.
        tensors: number of tensors by data type, weights included.
        weight_bytes: bytes of weights by data type.
    """

    operators: tuple[Operator, ...]
    tensors: dict[str, int]
    weight_bytes: dict[str, int]

    def float_operators(self) -> tuple[Operator, ...]:
        """Return the operators that compute in floating point."""
        return tuple(operator for operator in self.operators if operator.computes_in_float)

    def left_in_float(self) -> tuple[Operator, ...]:
        """Return the same without one that only hands out the scores: what an int8 file must not have."""
        return tuple(operator for operator in self.float_operators() if not operator.hands_out_scores)

    def without_integers(self) -> tuple[Operator, ...]:
        """Return the same without those that only step from bytes to float and back for others."""
        left = self.left_in_float()
        return tuple(operator for operator in left if operator.kind not in _MARKS) or left

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in the bundle: counts by kind and data types."""
        counts = Counter(
            (operator.kind, ", ".join(operator.inputs), ", ".join(operator.outputs)) for operator in self.operators
        )
        rows = [
            {"operator": kind, "inputs": inputs, "outputs": outputs, "count": count}
            for (kind, inputs, outputs), count in counts.items()
        ]
        return {"operators": rows, "tensors": self.tensors, "weight_bytes": self.weight_bytes}
