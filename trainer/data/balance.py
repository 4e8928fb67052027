"""What can be done about classes of different size."""

from __future__ import annotations

from enum import StrEnum


class Balance(StrEnum):
    """What is done about classes of different size.

    Attributes:
        WEIGHTS: a picture of a small class counts for more.
        UNDERSAMPLE: pictures of the larger classes are left out.
        NONE: nothing.
    """

    WEIGHTS = "weights"
    UNDERSAMPLE = "undersample"
    NONE = "none"
