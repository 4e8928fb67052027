"""Compare answers with the bounds, and keep the measured values for docs/measurements/parity.md."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.contract.bounds import BOUNDS

RECORD = "CATDOG_PARITY"  # a JSON file to add what was measured to; `make parity` sets it


class Measurements:
    """The measurements of one session: by bound and subject, the value that is furthest from perfect."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.values: dict[str, dict[str, float]] = {}

    def check(self, key: str, subject: str, value: float) -> None:
        """Keep a measured value and compare it with its bound.

        Args:
            key: of `BOUNDS`.
            subject: what was measured, such as `trained, Cortex-A72`.
            value: what was found.
        """
        bound = BOUNDS[key]
        worst = min if bound.at_least else max
        known = self.values.setdefault(key, {})
        known[subject] = worst(value, known.get(subject, value))
        assert bound.holds(value), (
            f"{bound.compared}, {subject}: {bound.measure} {value:.3g}, allowed {bound.shown}"
        )

    def write(self, path: Path) -> None:
        """Add the values to those that the file has from other sessions."""
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for key, values in self.values.items():
            known[key] = known.get(key, {}) | {name: float(f"{value:.4g}") for name, value in values.items()}
        path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def write_where_wanted(self) -> None:
        """Write to the file that the environment names, if it names one."""
        if os.environ.get(RECORD):
            self.write(Path(os.environ[RECORD]))


def largest_difference(first: Any, second: Any) -> float:
    """Return the largest absolute difference of two sets of scores `(pictures, labels)`."""
    return float(np.abs(np.asarray(first, float) - np.asarray(second, float)).max())
