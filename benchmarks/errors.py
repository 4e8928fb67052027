"""Errors of the benchmarks; the whole tree is drawn in `edge_runtime.errors`."""

from edge_runtime.errors import CatdogError


class BenchmarkError(CatdogError):
    """What was to be measured is missing or cannot be run."""
