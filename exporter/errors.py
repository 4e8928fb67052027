"""Errors of the exporter; the whole tree is drawn in `edge_runtime.errors`."""

from edge_runtime.errors import CatdogError


class SourceError(CatdogError):
    """The run folder or the pictures that an export needs cannot be used."""


class ConversionError(CatdogError):
    """A converter failed, or did not write what was asked for."""


class FloatOperatorsError(ConversionError):
    """An int8 file has operators that compute in float, so it may not be called int8."""
