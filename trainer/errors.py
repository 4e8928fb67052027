"""Errors of the trainer; the whole tree is drawn in `edge_runtime.errors`."""

from edge_runtime.errors import CatdogError


class DataError(CatdogError):
    """A data folder, download or cache cannot be used."""


class ConfigError(CatdogError):
    """A training option is unknown or out of range."""


class RunError(CatdogError):
    """A run cannot be begun, continued or learnt from."""


class DivergedError(CatdogError):
    """The loss of a training became infinite or no number."""


class WeightsError(CatdogError):
    """Pretrained weights are missing, damaged or not what they should be."""
