"""The sides of a split, and the names of folders that stand for them."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The sides of the split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


# What people call the folder of a side, in any case, and the word in a file of `--split`.
SIDE_OF = {
    "train": Side.TRAIN,
    "training": Side.TRAIN,
    "val": Side.VALIDATION,
    "valid": Side.VALIDATION,
    "validation": Side.VALIDATION,
    "test": Side.TEST,
    "testing": Side.TEST,
}
