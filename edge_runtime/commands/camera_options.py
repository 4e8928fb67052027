"""The options that say how a camera is opened and which part of its picture is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_runtime.commands.options import NumberRange

if TYPE_CHECKING:
    from edge_runtime.camera.settings import Settings
    from edge_runtime.camera.trust import Trust
    from edge_runtime.camera.view import View

# The names of `Flip`, `ROTATIONS` and `CAMERA_FORMATS`. Importing those would cost each start an import of NumPy. A
# test holds both together.
FLIPS = ("horizontal", "vertical")
ROTATIONS = ("0", "90", "180", "270")
FORMATS = ("mjpeg", "yuyv", "uyvy", "h264", "hevc", "nv12", "yuv420", "rgb", "rgbx", "grey")


class CameraOptions(NamedTuple):
    """The values of the options."""

    crop: str | None
    rotate: str
    flip: str | None
    size: str | None
    rate: float | None
    camera_format: str | None
    ca_file: Path | None
    insecure: bool


_OPTIONS = (
    click.option("--crop", metavar="X,Y,W,H",
                 help="Use this part of the picture, after --rotate and --flip. In pixels, or in shares such as "
                      "0.25,0,0.5,1."),
    click.option("--rotate", type=click.Choice(ROTATIONS), default="0", show_default=True,
                 help="Turn the picture clockwise by this many degrees."),
    click.option("--flip", type=click.Choice(FLIPS), help="Mirror the picture, after --rotate."),
    click.option("--size", metavar="WxH",
                 help="Picture size to ask a camera of this machine for.  [default: 640x480]"),
    click.option("--rate", type=NumberRange(0, 1000, min_open=True), metavar="FPS",
                 help="Frames a second to ask a camera of this machine for, or pictures a second to ask a snapshot "
                      "address for.  [default: the camera's own; 1 for a snapshot address]"),
    click.option("--camera-format", type=click.Choice(FORMATS),
                 help="Format to ask a camera of this machine for.  [default: the camera's own]"),
    click.option("--ca-file", type=click.Path(path_type=Path),
                 help="PEM file with the only certificates to trust for https:// and rtsps://.  "
                      "[default: those of the system]"),
    click.option("--insecure", is_flag=True, help="Accept any certificate for https:// and rtsps://."),
)  # fmt: skip
AGREE = click.option(
    "--agree", type=click.IntRange(1), default=1, show_default=True,
    help="Change the answer only after this many frames in a row ask for it.",
)  # fmt: skip


def camera_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `CameraOptions`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _trust(options: CameraOptions) -> Trust | None:
    if options.ca_file is None and not options.insecure:
        return None  # the default; it would import ssl, which a file does not need
    from edge_runtime.camera.trust import Trust

    return Trust(options.ca_file, options.insecure)


def settings_and_view(options: CameraOptions) -> tuple[Settings, View]:
    """Return what the options ask of a camera, and how its frames are turned and cut.

    Args:
        options: the values of the options.

    Raises:
        click.UsageError: options that cannot be used together.
        CameraError: a value is out of range, or the crop is not inside the size that is asked for.
    """
    from edge_runtime.camera.settings import Settings, parse_size
    from edge_runtime.camera.view import Crop, Flip, View

    if options.ca_file and options.insecure:
        raise click.UsageError("--ca-file and --insecure cannot be used together")
    settings = Settings(
        trust=_trust(options),
        size=parse_size(options.size) if options.size is not None else None,
        rate=options.rate,
        camera_format=options.camera_format or "",
    )
    view = View(
        rotate=int(options.rotate),
        flip=Flip(options.flip or Flip.NONE),
        crop=Crop.parse(options.crop) if options.crop is not None else None,
    )
    if settings.size is not None:
        view.check_size(*settings.size)
    return settings, view
