"""What a Keras model takes, and the same model on pictures `float32 (N, height, width, channels)` of 0-255."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.picture.contract import MAX_SIDE
from exporter.errors import SourceError
from exporter.network.plain_model import plain_model

if TYPE_CHECKING:
    import keras

_RESCALES = ("Rescaling", "Normalization")
_KEEPS_VALUES = (
    "InputLayer",
    "Random",
    "Resizing",
    "CenterCrop",
    "Cropping2D",
    "Permute",
)  # how the names of layers begin


@dataclass(frozen=True)
class TakenPictures:
    """The pictures that a model takes.

    Args:
        height: pixels; None if any.
        width: pixels; None if any.
        channels: 3 for RGB, 1 for grey.
        channels_first: whether the channels come before the rows.
        takes_pixels: whether it rescales 0-255 itself.
    """

    height: int | None
    width: int | None
    channels: int
    channels_first: bool
    takes_pixels: bool

    def sized(self, path: Path, size: tuple[int, int] | None) -> tuple[int, int]:
        """Return height and width in pixels, where the model or the user states them.

        Raises:
            SourceError: neither does, both do and differ, or they are out of bounds.
        """
        if size is None and (self.height is None or self.width is None):
            raise SourceError(f"{path}: takes pictures of any size. State the one for the device, as in --size 224")
        height, width = size or (self.height or 0, self.width or 0)
        if self.height not in (None, height) or self.width not in (None, width):
            raise SourceError(
                f"{path}: takes pictures of {self.width or 'any'} x {self.height or 'any'} pixels (width x "
                "height), "
                f"received --size {width}x{height}. Leave --size out."
            )
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise SourceError(
                f"{path}: takes pictures of {width} x {height} pixels, expected 1 to {MAX_SIDE} a side. Build the "
                "model for a smaller picture."
            )
        return height, width


def taken_pictures(model: keras.Model, path: Path) -> TakenPictures:
    """Return what a model takes.

    Raises:
        SourceError: it takes anything but one picture, RGB or grey.
    """
    shape = getattr(model, "input_shape", None)
    shape = next(iter(shape.values())) if isinstance(shape, dict) and len(shape) == 1 else shape
    shape = shape[0] if isinstance(shape, list) and len(shape) == 1 else shape
    if not isinstance(shape, tuple) or len(shape) != 4 or not {shape[1], shape[3]} & {1, 3}:
        raise SourceError(
            f"{path}: expected a model of one input (None, height, width, 3), or 1 channel for grey, received "
            f"{_shown(shape)}. Export a classifier of single pictures."
        )
    first = shape[3] not in (1, 3)
    rows, columns, channels = shape[1:] if not first else (shape[2], shape[3], shape[1])
    return TakenPictures(rows, columns, channels, first, _rescales(model))


def _shown(shape: Any) -> str:
    if shape is None:
        return "a model without a fixed input (call it once on a picture before it is saved)"
    return str(shape)


def _rescales(model: Any) -> bool:
    """Say whether a plain model begins with a rescaling of its own, after what only moves pixels."""
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in _RESCALES:
            return True
        if not kind.startswith(_KEEPS_VALUES):
            return False
    return False


def on_pictures(model: keras.Model, shape: tuple[int, int, int], path: Path) -> keras.Model:
    """Return a plain model on pictures of a size, with the channels last.

    Args:
        model: a plain model that `taken_pictures` accepts.
        shape: height, width and channels.
        path: its file, for errors.

    Raises:
        SourceError: it cannot take pictures of that size.
    """
    import keras

    if model.input_shape == (None, *shape):
        return model
    image = keras.Input(shape, name=free_name(model, "picture"))
    try:
        first = taken_pictures(model, path).channels_first
        return plain_model(
            keras.Model(image, model(keras.layers.Permute((3, 1, 2))(image) if first else image)), path
        )
    except (ValueError, TypeError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{path}: cannot take pictures of {shape[1]} x {shape[0]} pixels ({reason:.200}). Choose another "
            "--size."
        ) from error


def free_name(model: keras.Model, name: str) -> str:
    """Return a name that no layer of a model has, such as `picture` or `picture_2`."""
    taken = {layer.name for layer in model.layers} | {model.name}
    count = 1
    while (free := name if count == 1 else f"{name}_{count}") in taken:
        count += 1
    return free
