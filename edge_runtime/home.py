"""Give programs a home folder where there is none: Keras, Matplotlib and our cache of pictures keep files there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edge_runtime.terminal import say


def home_folder() -> Path:
    """Return the home folder. Where there is none that can be written to, as for services, make a temporary one.

    HOME then names it, for all libraries, and people are told once.
    """
    try:
        home = Path.home()
    except RuntimeError:  # HOME is not set, and the user has no name
        home = None
    if home is not None and home.is_dir() and os.access(home, os.W_OK | os.X_OK):
        return home
    folder = _temporary()
    os.environ["HOME"] = os.fspath(folder)
    say(
        f"no home folder that can be written to: what is kept there goes to {folder}. Set HOME to another folder "
        "to keep it longer",
        err=True,
    )
    return folder


def _temporary() -> Path:
    """Return a folder for temporary files that only this user can write to."""
    folder = Path(tempfile.gettempdir()) / f"catdog-edge-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:  # somebody's file has this name
        return Path(tempfile.mkdtemp(prefix="catdog-edge-"))
    return folder if _is_ours(folder) else Path(tempfile.mkdtemp(prefix="catdog-edge-"))


def _is_ours(folder: Path) -> bool:
    """Say whether nobody else can put files into it."""
    status = folder.lstat()
    return (
        folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid() and not status.st_mode & 0o022
    )
