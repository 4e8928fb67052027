"""How much noise quantisation leaves in the output of a layer. Each format measures its own files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LayerError:
    """Noise in one layer's output, with all the layers before it quantised too.

    Args:
        name: the layer's operator, as `keep_float` takes it.
        kind: its name in the format.
        signal_to_noise_db: power of the float output over power of the error, decibels; infinite without error.
    """

    name: str
    kind: str
    signal_to_noise_db: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored with the report; a layer without error has null decibels."""
        found = self.signal_to_noise_db
        return asdict(self) | {"signal_to_noise_db": found if np.isfinite(found) else None}


def powers(exact: NDArray[Any], rough: NDArray[Any]) -> tuple[float, float]:
    """Return the power of a float output, and that of the error of its quantised twin: sums of squares."""
    wide = exact.astype(np.float64)
    return float((wide**2).sum()), float(((wide - rough) ** 2).sum())


def decibel(signal: float, noise: float) -> float:
    """Return the ratio of two powers in decibels; infinite without noise."""
    return float("inf") if noise == 0 else float(10 * np.log10(max(signal, 1e-30) / noise))
