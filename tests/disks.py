"""Small file systems of their own, and what a power cut would leave of them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_MIB = 64


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount an image; the test is skipped, with the reason, where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # a mapped file may still be open


def make_image(path: Path) -> Path:
    """Make an image with an empty ext4 file system, as most boards have it."""
    if os.getuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("a small file system of its own needs root and mkfs.ext4")
    with path.open("wb") as file:
        file.truncate(SIZE_MIB * 2**20)
    subprocess.run(["mkfs.ext4", "-q", path], check=True)
    return path


@contextmanager
def after_a_power_cut(image: Path, scratch: Path) -> Iterator[Path]:
    """Mount a copy of an image that is in use: what is on the disk at this moment, and no more.

    What the kernel has not yet written to the image is lost, as in a power cut; the copy's journal is replayed.
    """
    copy = scratch / "copy.img"
    shutil.copyfile(image, copy)
    with mounted(copy, scratch / "copy") as folder:
        yield folder
