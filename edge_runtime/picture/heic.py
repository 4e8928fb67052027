"""Open a HEIC picture, as iPhones take them, with pillow-heif. Only this module imports it.

It is imported when the first such picture comes, and not registered with Pillow: nothing else is ever given to it.
"""

from __future__ import annotations

from typing import IO, Any

from PIL import Image

INSTALL = "pip install 'catdog-edge[heic]'"
_SETTINGS: dict[str, int] = {}  # of pillow-heif, from its import on


class MissingHeifError(ImportError):
    """pillow-heif is not installed or does not load."""


def open_heic(file: IO[bytes]) -> Image.Image:
    """Open the main picture of a HEIC file without decoding it.

    It comes upright: the turns that the file asks for are made while it is decoded, and the orientation in its EXIF
    data, which repeats them, reads as 1.

    Args:
        file: the file, at its start.

    Raises:
        MissingHeifError: pillow-heif is not installed or does not load.
        SyntaxError: libheif cannot read the file.
    """
    image: Image.Image = _plugin().HeifImageFile(file, "")
    image.format = "HEIC"
    return image


def decode_in_one_thread() -> None:
    """Decode from now on in the thread that asks, to the same pixels. pillow-heif is not imported for this."""
    _SETTINGS["DECODE_THREADS"] = 1


def _plugin() -> Any:
    try:
        from pillow_heif import as_plugin
    except ImportError as error:
        raise MissingHeifError(str(error)) from error
    for name, value in _SETTINGS.items():
        setattr(as_plugin.options, name, value)
    return as_plugin
