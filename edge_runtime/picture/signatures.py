"""Tell a picture's format from its first bytes, so that no other decoder is ever asked."""

from __future__ import annotations

import os
import struct
from typing import IO

# Those that photographs come in.
JPEGS = ("JPEG", "MPO")  # Pillow's name of a JPEG that holds further pictures
FORMATS = (*JPEGS, "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "HEIC", "JPEG2000", "PPM", "TGA")
HEAD_BYTES = 18

# Brands of files with HEVC pictures. Source: ISO/IEC 23008-12, B.4.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_MAX_BRANDS_BYTES = 1024

# Offset and bytes of each format. The first that fits counts.
# Source: the specification of each format, named in edge_runtime/picture/limits/.
SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBPVP8", "WEBP"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM*\0", "TIFF"),  # Pillow reads these two as well
    (0, b"II\0*", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    *((4, b"ftyp" + brand, "HEIC") for brand in HEIC_BRANDS),
    (4, b"ftypmif1", "AVIF"),  # or HEIC: its further brands tell
    (4, b"ftypmsf1", "AVIF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG2000"),
    *((0, magic, "PPM") for magic in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf")),
)
# Formats that people name .jpg, told by name instead of as unknown.
FOREIGN = (
    (0, b"%!PS", "EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"8BPS", "PSD"),
    (0, b"icns", "ICNS"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\3\4", "ZIP"),
    (4, b"ftyp", "MP4"),
)
# Sizes of the header with which a BMP without its file header begins, as a little-endian number.
DIB_HEADERS = (12, 40, 52, 56, 64, 108, 124)

_TGA_FOOTER = b"TRUEVISION-XFILE.\0"
# Bits a pixel of each image type of a TGA file; 8 more stands for run lengths.
_TGA_DEPTHS = {1: (8,), 2: (16, 24, 32), 3: (8, 16)}


def format_of(file: IO[bytes], size_bytes: int) -> str | None:
    """Return the format, one of `FORMATS` without MPO, that the first bytes of a file are.

    Args:
        file: the picture; left at its start.
        size_bytes: of the file.

    Returns:
        The format, or None when no signature fits.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = _first_fit(SIGNATURES, head)
    if found == "AVIF" and _has_heic_brand(file, head):
        found = "HEIC"
    if found is None and _is_dib(head):
        found = "DIB"
    if found is None and _first_fit(FOREIGN, head) is None and _is_tga(file, head, size_bytes):
        found = "TGA"
    file.seek(0)
    return found


def foreign_format_of(file: IO[bytes]) -> str | None:
    """Return the name of a known format that is not read, or None."""
    file.seek(0)
    return _first_fit(FOREIGN, file.read(HEAD_BYTES))


def _first_fit(table: tuple[tuple[int, bytes, str], ...], head: bytes) -> str | None:
    return next((name for offset, magic, name in table if head.startswith(magic, offset)), None)


def _has_heic_brand(file: IO[bytes], head: bytes) -> bool:
    """Say whether a file of the brand `mif1` or `msf1`, which tells no codec, has HEVC pictures and no AV1 ones."""
    if head[8:12] not in (b"mif1", b"msf1"):
        return False
    file.seek(16)
    content = file.read(min(max(0, int.from_bytes(head[:4]) - 16), _MAX_BRANDS_BYTES))
    brands = {content[start : start + 4] for start in range(0, len(content), 4)}
    return not brands & {b"avif", b"avis"} and bool(brands & set(HEIC_BRANDS))


def _is_dib(head: bytes) -> bool:
    """Say whether a Windows bitmap begins here: a known header size, and one plane."""
    size = int.from_bytes(head[:4], "little")
    planes = head[8:10] if size == 12 else head[12:14]
    return size in DIB_HEADERS and planes == b"\1\0"


def _is_tga(file: IO[bytes], head: bytes, size_bytes: int) -> bool:
    """Say whether a header is that of a TGA file, which has no signature, and the file can hold its pixels.

    Every field of the header that has few allowed values is checked. The newer files end in a footer as well, but
    that alone says nothing about the header, and older ones have none.

    Source: Truevision TGA File Format Specification 2.0, fields 1 to 5.
    """
    if len(head) < HEAD_BYTES:
        return False
    id_bytes, map_type, kind, _, map_length, map_bits, _, _, width, height, depth, flags = struct.unpack(
        "<BBBHHBHHHHBB", head
    )
    mapped = map_type == 1 and map_bits in (16, 24, 32) and map_length > 0
    unmapped = map_type == 0 and map_length == map_bits == 0
    packed, kind = kind & 8, kind & ~8
    if depth not in _TGA_DEPTHS.get(kind, ()) or not (mapped or (unmapped and kind != 1)):
        return False
    if not (width and height) or flags & 0xC0 or flags & 0x0F > 8:
        return False
    pixel = depth // 8
    # A packet of run lengths holds at most 128 pixels.
    least = -(-width * height // 128) * (1 + pixel) if packed else width * height * pixel
    return size_bytes >= HEAD_BYTES + id_bytes + map_length * map_bits // 8 + least or _has_footer(file)


def _has_footer(file: IO[bytes]) -> bool:
    file.seek(-len(_TGA_FOOTER), os.SEEK_END)
    return file.read() == _TGA_FOOTER
