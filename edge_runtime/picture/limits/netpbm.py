"""Limits of PBM, PGM and PPM files: their header, and kinds that Pillow reads in Python.

Source: Netpbm, manual pages of pbm, pgm and ppm (header, plain formats and comments).
"""

from __future__ import annotations

import re
from typing import IO

from edge_runtime.picture.limits.limit import at_most

MAX_HEADER_BYTES = 4096
# Measured: 0.25 to 0.35 us a sample that Pillow reads in Python, whether text or scaled from another largest value.
MAX_PYTHON_SAMPLES = 6_000_000
MAX_PLAIN_BYTES = 30 * 2**20
MAX_COMMENTS = 1000  # among the pixels, each of which copies up to a megabyte

_PLAIN, _PLAIN_BITS = (b"P1", b"P2", b"P3"), b"P1"
_GAP = rb"(?:[ \t\n\x0b\x0c\r]|#[^\r\n]*[\r\n])"
_NUMBER = _GAP + rb"+([0-9]+)"
_BLOCK = 2**20


def scan(file: IO[bytes], size_bytes: int, allowed: int) -> None:
    """Refuse what costs Pillow's readers of text and odd values too much; see `refuse_harmful`."""
    head = file.read(MAX_HEADER_BYTES)
    kind = head[:2]
    numbers = 2 if kind in (b"P1", b"P4") else 3
    found = re.match(rb"P." + _NUMBER * (2 if kind == b"Pf" else numbers), head)
    if found is None:
        at_most(MAX_HEADER_BYTES, size_bytes, "bytes of header")
        return
    width, height, *rest = (int(number) if len(number) <= 10 else 0 for number in found.groups())
    samples = width * height * (3 if kind in (b"P3", b"P6") else 1)
    if kind in _PLAIN:
        _refuse_plain(file, kind, samples, size_bytes)
    elif kind in (b"P5", b"P6") and rest[0] != 255 and (kind, rest[0]) != (b"P5", 65_535):
        at_most(MAX_PYTHON_SAMPLES, samples, "values on another scale than 0 to 255")


def _refuse_plain(file: IO[bytes], kind: bytes, samples: int, size_bytes: int) -> None:
    if kind != _PLAIN_BITS:
        at_most(MAX_PYTHON_SAMPLES, samples, "values in plain text")
    at_most(MAX_PLAIN_BYTES, size_bytes, "bytes of plain text")
    file.seek(0)
    comments = 0
    while content := file.read(_BLOCK):
        comments += content.count(b"#")
        at_most(MAX_COMMENTS, comments, "comments in plain text")
