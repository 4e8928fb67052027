"""Describe how a picture becomes the model's input: the record that every run and bundle keeps.

This module imports neither NumPy nor Pillow, so that a manifest can be read without them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from edge_runtime.errors import BundleError
from edge_runtime.strict_json import shortened

CONTRACT_VERSION = 1
GREY_VERSION = 2  # adds `channels`, so that one channel of grey can be asked for
MAX_SIDE = 2048  # of the model's input, pixels; a float32 input of that size takes 48 MiB
# 64-megapixel phone pictures pass. Pillow holds 4 bytes a pixel, so 320 MB; JPEGs are decoded smaller.
MAX_PIXELS = 80_000_000
LARGEST_MAX_PIXELS = 178_956_970  # Pillow refuses more


class ResizeFilter(StrEnum):
    """Pillow's antialiasing filters, under the names that Pillow gives them."""

    BOX = "box"
    BILINEAR = "bilinear"
    HAMMING = "hamming"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the model's input. Every run and bundle stores this record.

    A model was trained on pictures that were prepared in this way, and it must get no others.

    Args:
        width: target width in pixels, 1-2048. Default 128.
        height: target height in pixels, 1-2048. Default 128.
        resize_filter: antialiasing filter of the resize. Default bilinear.
        background: colour laid under transparent pictures, RGB 0-255. Default white.
        version: version of the contract in `edge_runtime/picture/preprocessing.py`: 1 for RGB, 2 for any number of
            channels. Default 1.
        channels: 3 for RGB, 1 for grey. Default 3. Version 1 knows RGB alone.
    """

    width: int = 128
    height: int = 128
    resize_filter: ResizeFilter = ResizeFilter.BILINEAR
    background: tuple[int, int, int] = (255, 255, 255)
    version: int = CONTRACT_VERSION
    channels: int = 3

    def __post_init__(self) -> None:
        """Refuse values that this code cannot carry out exactly.

        Raises:
            BundleError: the contract version is unknown, or a value is out of range.
        """
        _refuse_unknown_version(self.version)
        sizes = (self.width, self.height)
        if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in sizes):
            raise BundleError(
                f"preprocessing out of range: expected width and height from 1 to {MAX_SIDE} pixels, received "
                f"{shortened(self.width)} x {shortened(self.height)}. Export a model of such an input."
            )
        colour_valid = (
            isinstance(self.background, tuple)
            and len(self.background) == 3
            and all(type(value) is int and 0 <= value <= 255 for value in self.background)
        )
        channels_valid = self.channels == 3 or (self.channels == 1 and self.version == GREY_VERSION)
        if type(self.channels) is not int or not channels_valid:
            raise BundleError(
                f"preprocessing out of range: expected 3 channels, or 1 in version {GREY_VERSION}, received "
                f"{shortened(self.channels)} in version {self.version}. Export the bundle again."
            )
        if not (colour_valid and isinstance(self.resize_filter, ResizeFilter)):
            raise BundleError(
                f"preprocessing out of range: {shortened(asdict(self), 300)}. Export the bundle again."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the model's input."""
        return self.height, self.width, self.channels

    @property
    def identifier(self) -> str:
        """Twelve hex digits that stand for the contract. They differ when any part of it differs."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object stored in manifests."""
        values = asdict(self) | {"background": list(self.background)}
        if self.version == CONTRACT_VERSION:
            del values["channels"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """Make the record from its JSON object.

        Raises:
            BundleError: the contract version is unknown, a key is missing or unknown, or a value is out of range.
        """
        try:
            _refuse_unknown_version(values["version"])
            if values["version"] == CONTRACT_VERSION:
                if "channels" in values:
                    raise TypeError(f"version {CONTRACT_VERSION} has no key channels")
                values = values | {"channels": 3}
            known = {field.name: values[field.name] for field in fields(cls)} | values
            known["resize_filter"] = ResizeFilter(known["resize_filter"])
            known["background"] = tuple(known["background"])
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"preprocessing cannot be read ({shortened(str(error))}): {shortened(values, 300)}"
            ) from error


def _refuse_unknown_version(version: object) -> None:
    if type(version) is not int or version not in (CONTRACT_VERSION, GREY_VERSION):
        raise BundleError(
            f"preprocessing contract version {shortened(version)} is unknown: this catdog-edge knows the versions "
            f"{CONTRACT_VERSION} and {GREY_VERSION}. Install the catdog-edge that made the bundle, or a newer one."
        )
