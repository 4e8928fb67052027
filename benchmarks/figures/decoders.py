"""Measure the peak memory of reading a large picture. `DECODER_BYTES` of `picture.memory` comes from here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.run.program import run_program
from edge_runtime.child_process import script_command

FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 1},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "JPEG, progressive": {"progressive": True, "subsampling": 0},
    "WEBP": {"method": 0},
    "AVIF": {"speed": 10},
    "JPEG2000": {},
}
_SCRIPT = """
import sys
from PIL import Image
from edge_runtime.picture import memory
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
Image.init()
memory.DECODER_BYTES.clear()
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
before = peak()
load_picture(sys.argv[1], Preprocessing(), max_pixels=178_956_970)
print(peak() - before)
"""


def measure_decoders_memory(*, side: int) -> dict[str, float]:
    """Write a square picture in each format, read it in its own process, and measure that process.

    Args:
        side: width and height in pixels.

    Returns:
        For each format the bytes per pixel at the peak, without the memory of the process before.

    Raises:
        BenchmarkError: a picture could not be read.
    """
    line = np.arange(side, dtype=np.uint8)
    pixels = np.stack(
        [np.add.outer(line, line), np.subtract.outer(line, line), np.bitwise_xor.outer(line, line)], 2
    )
    image = Image.fromarray(pixels)
    with tempfile.TemporaryDirectory() as scratch:
        return {name: _weigh(image, name, Path(scratch), options) for name, options in FORMATS.items()}


def _weigh(image: Image.Image, name: str, scratch: Path, options: dict[str, Any]) -> float:
    path = scratch / "picture"
    image.save(path, name.partition(",")[0], **options)
    grown = run_program(script_command(_SCRIPT, str(path)), name=f"{name}: could not be read")
    return int(grown) / (image.width * image.height)
