"""Errors of the benchmarks; the whole tree is drawn in `edge_runtime.errors`."""

from edge_runtime.errors import CatdogError


class BenchmarkError(CatdogError):
    """A benchmark cannot be run, or its report cannot be read or written."""
