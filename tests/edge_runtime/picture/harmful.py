"""Makers of pictures that are small or ordinary to look at and cost a decoder minutes or gigabytes.

Each maker takes a size, whose meaning its row in `HARMFUL` gives, so that a test can use a modest file and the
page of measurements the worst one.
"""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

# --- parts ---------------------------------------------------------------------------------------------------


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """Return the picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def segment(marker: int, content: bytes = b"") -> bytes:
    """Return a JPEG or JPEG 2000 segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of an ISO base media or JP2 file."""
    return struct.pack(">I", len(content) + 8) + kind + content


def directory(tags: dict[int, tuple[int, int, int]], extra: bytes = b"", byte_order: str = "<") -> bytes:
    """Return a TIFF file of one directory; a value of -1 stands for the offset of `extra`, at the end."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack(byte_order + "HHII", tag, kind, count, start if value == -1 else value)
        for tag, (kind, count, value) in sorted(tags.items())
    )
    head = (b"II*\0" if byte_order == "<" else b"MM\0*") + struct.pack(byte_order + "I", 8)
    return head + struct.pack(byte_order + "H", len(tags)) + entries + bytes(4) + extra


SHORT, LONG, RATIONAL = 3, 4, 5


def flat_tags(side: int = 64) -> dict[int, tuple[int, int, int]]:
    """Return the tags of a grey, uncompressed TIFF of one strip, stored behind the directory."""
    size = {256: (LONG, 1, side), 257: (LONG, 1, side), 278: (LONG, 1, side), 279: (LONG, 1, side * side)}
    return size | {258: (SHORT, 1, 8), 259: (SHORT, 1, 1), 262: (SHORT, 1, 1), 273: (LONG, 1, 8)}


SMALL = Image.new("RGB", (64, 64), (200, 100, 50))
EXIF = b"Exif\0\0"


def after_start(content: bytes, inserted: bytes) -> bytes:
    """Put segments behind the first marker of a JPEG."""
    return content[:2] + inserted + content[2:]


def before_data(content: bytes, inserted: bytes) -> bytes:
    """Put chunks before the first IDAT of a PNG."""
    place = content.index(b"IDAT") - 4
    return content[:place] + inserted + content[place:]


def before_end(content: bytes, inserted: bytes) -> bytes:
    """Put chunks before the end of a PNG."""
    place = content.index(b"IEND") - 4
    return content[:place] + inserted + content[place:]


# --- JPEG 2000 -----------------------------------------------------------------------------------------------


def codestream(
    size: tuple[int, int],
    tile: tuple[int, int],
    *,
    precinct: int | None = None,
    layers: int = 1,
    components: int = 3,
) -> bytes:
    """Return a JPEG 2000 codestream without any data."""
    levels = 5
    siz = struct.pack(">HIIIIIIIIH", 0, *size, 0, 0, *tile, 0, 0, components) + bytes([7, 1, 1] * components)
    style = bytes([0 if precinct is None else 1, 0]) + struct.pack(">H", layers) + bytes([0])
    precincts = b"" if precinct is None else bytes([precinct * 17] * (levels + 1))
    cod = style + bytes([levels, 4, 4, 0, 1]) + precincts
    qcd = bytes([0x40]) + bytes([8 << 3] * (3 * levels + 1))
    head = b"\xff\x4f" + segment(0x51, siz) + segment(0x52, cod) + segment(0x5C, qcd)
    across, down = -(-size[0] // tile[0]), -(-size[1] // tile[1])
    part = b"\xff\x93" + bytes(2)
    parts = [
        segment(0x90, struct.pack(">HIBB", index, 12 + len(part), 0, 1)) + part
        for index in range(min(across * down, 2))
    ]
    return head + b"".join(parts) + b"\xff\xd9"


def jpeg2000_precincts(side: int) -> bytes:
    """A picture of precincts of 2 x 2 coefficients."""
    return codestream((side, side), (side, side), precinct=1)


def jpeg2000_tiles(side: int) -> bytes:
    """A picture of tiles of 15 x 15."""
    return codestream((side, side), (15, 15))


def jpeg2000_layers(layers: int) -> bytes:
    """A picture of many quality layers."""
    return codestream((2000, 2000), (2000, 2000), precinct=5, layers=layers, components=1)


def jpeg2000_segments(count: int) -> bytes:
    """Segments without content in the header of a codestream."""
    content = codestream((64, 64), (64, 64))
    place = content.index(b"\xff\x52")
    return content[:place] + segment(0x63) * count + content[place:]


def jpeg2000_boxes(count: int) -> bytes:
    """Boxes without content before the header of a JP2 file."""
    content = encoded(SMALL, "JPEG2000")
    place = content.index(b"jp2h") - 4
    return content[:place] + box(b"free", b"") * count + content[place:]


def jpeg2000_size_of_stream(side: int) -> bytes:
    """A JP2 file whose header says 64 x 64 and whose codestream says more."""
    whole = encoded(SMALL, "JPEG2000")
    return whole[: whole.index(b"jp2c") - 4] + box(b"jp2c", codestream((side, side), (side, side)))


# --- AVIF ----------------------------------------------------------------------------------------------------


def avif_extents(side: int) -> bytes:
    """An AVIF whose `ispe` says 64 x 64 and whose sequence header says more."""
    content = encoded(Image.new("L", (side, side), 128), "AVIF", speed=10, quality=10)
    place = content.index(b"ispe") + 8
    return content[:place] + struct.pack(">II", 64, 64) + content[place + 8 :]


def avif_items(count: int) -> bytes:
    """An AVIF whose `iinf` lists many items."""
    content = encoded(SMALL, "AVIF")
    start = content.index(b"iinf") - 4
    (length,) = struct.unpack_from(">I", content, start)
    entries = content[start + 14 : start + length]
    more = b"".join(
        box(b"infe", b"\x02\0\0\0" + struct.pack(">HH", 100 + item, 0) + b"av01\0") for item in range(count)
    )
    first = struct.unpack_from(">H", content, start + 12)[0]
    grown = box(b"iinf", bytes(4) + struct.pack(">H", first + count) + entries + more)
    meta = content.index(b"meta") - 4
    (meta_length,) = struct.unpack_from(">I", content, meta)
    added = len(grown) - length
    head = content[:meta] + struct.pack(">I", meta_length + added) + content[meta + 4 : start]
    return head + grown + content[start + length :]


# --- JPEG ----------------------------------------------------------------------------------------------------


def jpeg_scans(count: int) -> bytes:
    """A progressive JPEG of 53 megapixels whose last scan comes many times."""
    content = encoded(Image.new("L", (7280, 7280), 90), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + b"\xff\xd9"


def jpeg_exif_segments(count: int) -> bytes:
    """Exif segments without content."""
    return after_start(encoded(SMALL, "JPEG"), segment(0xE1, EXIF) * count)


def jpeg_exif_bytes(count: int) -> bytes:
    """Full Exif segments, which are put together one by one."""
    return after_start(encoded(SMALL, "JPEG"), segment(0xE1, EXIF + bytes(65_000)) * count)


def jpeg_application_segments(count: int) -> bytes:
    """Application segments without content."""
    return after_start(encoded(SMALL, "JPEG"), segment(0xE5) * count)


def jpeg_comments(count: int) -> bytes:
    """Comments without content."""
    return after_start(encoded(SMALL, "JPEG"), segment(0xFE) * count)


def jpeg_tables(count: int) -> bytes:
    """Quantisation segments without a table."""
    return after_start(encoded(SMALL, "JPEG"), segment(0xDB) * count)


def jpeg_fill_before_marker(size: int) -> bytes:
    """Fill bytes before the second marker."""
    return after_start(encoded(SMALL, "JPEG"), b"\xff" * size)


def jpeg_fill_in_data(size: int) -> bytes:
    """Fill bytes in the middle of the entropy-coded data."""
    content = encoded(Image.effect_noise((64, 64), 50), "JPEG")
    place = content.rindex(b"\xff\xda") + 200
    while content[place - 1] == 0xFF or content[place] == 0xFF:
        place += 1
    return content[:place] + b"\xff" * size + content[place:]


def jpeg_junk(size: int) -> bytes:
    """Bytes that belong to no segment."""
    content = encoded(SMALL, "JPEG")
    return content[:20] + b"\0" * size + content[20:]  # behind APP0


def jpeg_exif_entries(count: int) -> bytes:
    """An Exif directory whose entries all point at the same bytes."""
    tags = dict.fromkeys(range(count), (7, 40_000, 200))
    return after_start(encoded(SMALL, "JPEG"), segment(0xE1, EXIF + directory(tags)[:20_000] + bytes(44_000)))


# --- TIFF ----------------------------------------------------------------------------------------------------


def tiff_strips(count: int) -> bytes:
    """A picture of 64 x 64 with many strip offsets."""
    tags = flat_tags() | {273: (LONG, count, -1), 278: (LONG, 1, 1)}
    return directory(tags, np.tile(np.array([8, 9], "<u4"), -(-count // 2)).tobytes()[: 4 * count])


def tiff_small_tiles(side: int) -> bytes:
    """A picture of tiles of 1 x 1."""
    tags = flat_tags(side) | {322: (LONG, 1, 1), 323: (LONG, 1, 1), 324: (LONG, side * side, -1)}
    del tags[273], tags[278], tags[279]
    return directory(tags, np.tile(np.array([8, 9], "<u4"), side * side // 2).tobytes())


def tiff_tall_tiles(height: int) -> bytes:
    """A picture of one row whose tiles are far taller than it, all at one place."""
    count = 4000
    packed = zlib.compress(bytes(16 * height), 9)
    tags = flat_tags() | {256: (LONG, 1, 16 * count), 257: (LONG, 1, 1), 259: (SHORT, 1, 8)}
    tags |= {322: (LONG, 1, 16), 323: (LONG, 1, height), 324: (LONG, count, -1), 325: (LONG, count, 0)}
    del tags[273], tags[278], tags[279]
    start = len(directory(tags))
    tags[325] = (LONG, count, start + 4 * count)
    offsets = struct.pack("<I", start + 8 * count) * count + struct.pack("<I", len(packed)) * count
    return directory(tags, offsets + packed)


def tiff_values(tag: int) -> Callable[[int], bytes]:
    """Return a maker of a TIFF with many values of one tag."""

    def make(count: int) -> bytes:
        return directory(flat_tags() | {tag: (SHORT, count, -1)}, bytes([8, 0]) * count)

    return make


def tiff_directory_values(count: int) -> bytes:
    """A TIFF whose Exif directory holds many rationals."""
    tags = flat_tags() | {0x8769: (LONG, 1, -1)}
    start = len(directory(tags))
    inner = struct.pack("<HHHII", 1, 0x829A, RATIONAL, count, start + 18) + bytes(4)
    return directory(tags, inner + struct.pack("<II", 1, 3) * count)


def tiff_large_entries(count: int) -> bytes:
    """A BigTIFF of many entries."""
    head = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, count)
    return head + struct.pack("<HHQQ", 256, 3, 1, 64) * count + bytes(8)


# --- PNG -----------------------------------------------------------------------------------------------------


def png_private(count: int) -> bytes:
    """Private chunks without content."""
    return before_data(encoded(SMALL, "PNG"), chunk(b"prIv") * count)


def png_empty_data(count: int) -> bytes:
    """Data chunks without content."""
    return before_data(encoded(SMALL, "PNG"), chunk(b"IDAT") * count)


def png_text(count: int) -> bytes:
    """Text chunks of one letter under different keys."""
    return before_data(
        encoded(SMALL, "PNG"), b"".join(chunk(b"tEXt", b"%d\0a" % number) for number in range(count))
    )


def png_after_data(count: int) -> bytes:
    """Private chunks behind the data."""
    return before_end(encoded(SMALL, "PNG"), chunk(b"prIv") * count)


def png_orientation(count: int) -> bytes:
    """An orientation of many values."""
    exif = directory({0x0112: (SHORT, count, -1)}, bytes([1, 0]) * count)
    return before_data(encoded(SMALL, "PNG"), chunk(b"eXIf", exif))


def png_packed(kind: bytes) -> Callable[[int], bytes]:
    """Return a maker of chunks that each unpack to a megabyte and count as nothing."""
    starts = {b"iCCP": b"name\0\0", b"zTXt": b"\0\0", b"iTXt": b"key\0\1\0\0\0"}

    def make(count: int) -> bytes:
        packed = zlib.compress(b"\xff" * 2**20, 9)
        return before_data(encoded(SMALL, "PNG"), chunk(kind, starts[kind] + packed) * count)

    return make


def png_profile_lines(size: int) -> bytes:
    """A raw Exif profile that is nothing but line breaks."""
    return before_data(encoded(SMALL, "PNG"), chunk(b"tEXt", b"Raw profile type exif\0" + b"\n" * size))


# --- GIF -----------------------------------------------------------------------------------------------------


def gif_blocks(label: int) -> Callable[[int], bytes]:
    """Return a maker of an extension of many blocks of one byte."""

    def make(count: int) -> bytes:
        content = encoded(SMALL.convert("P"), "GIF")
        place = content.index(b",")
        return content[:place] + bytes([0x21, label]) + b"\1a" * count + b"\0" + content[place:]

    return make


def gif_extensions(count: int) -> bytes:
    """Many extensions without a block."""
    content = encoded(SMALL.convert("P"), "GIF")
    place = content.index(b",")
    return content[:place] + b"\x21\x01\0" * count + content[place:]


# --- Netpbm --------------------------------------------------------------------------------------------------


def plain_ppm(megapixels: int) -> bytes:
    """A plain PPM."""
    return b"P3 10000 %d 255\n" % (100 * megapixels) + b"7 " * (3_000_000 * megapixels)


def plain_pgm(megapixels: int) -> bytes:
    """A plain PGM of 16 bits."""
    return b"P2 10000 %d 65535\n" % (100 * megapixels) + b"7 " * (1_000_000 * megapixels)


def plain_pbm(megapixels: int) -> bytes:
    """A plain PBM."""
    return b"P1 10000 %d\n" % (100 * megapixels) + b"1" * (1_000_000 * megapixels)


def plain_comments(size: int) -> bytes:
    """A plain PGM of comments."""
    return b"P2 64 64 255\n" + b"#\n" * (size // 2) + b"7 " * 4096


def ppm_scaled(megapixels: int) -> bytes:
    """A binary PPM whose largest value is not 255, which Pillow scales in Python."""
    return b"P6 10000 %d 254\n" % (100 * megapixels) + bytes(3_000_000 * megapixels)


def ppm_header_comment(size: int) -> bytes:
    """A PPM with a long comment in its header."""
    return b"P6\n#" + b"a" * size + b"\n64 64 255\n" + bytes(64 * 64 * 3)


def ppm_header_spaces(size: int) -> bytes:
    """A PPM with many spaces in its header."""
    return b"P6" + b" " * size + b"64 64 255\n" + bytes(64 * 64 * 3)


# --- BMP -----------------------------------------------------------------------------------------------------


def bmp_runs(width: int, height: int, runs: bytes) -> bytes:
    """Return a BMP of 8-bit runs."""
    palette = b"".join(bytes([value, 0, 0, 0]) for value in range(256))
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + len(info) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start) + info + palette + runs


def bmp_nowhere(size: int) -> bytes:
    """Moves by nothing."""
    return bmp_runs(64, 64, b"\0\2\0\0" * (size // 4))


def bmp_line_ends(rows: int) -> bytes:
    """Rows of one pixel that end at once, which Pillow fills byte by byte."""
    return bmp_runs(60_000, rows, b"\1\1\0\0" * rows)


def dib_long_header(size: int) -> bytes:
    """A BMP whose header is as long as the file."""
    return struct.pack("<2sIHHII", b"BM", size, 0, 0, 54, size - 14) + bytes(size - 18)


# --- WebP ----------------------------------------------------------------------------------------------------


def webp_chunks(count: int) -> bytes:
    """Unknown chunks without content."""
    content = encoded(SMALL, "WEBP", exif=EXIF + directory({0x0112: (SHORT, 1, 1)}))
    body = content[8:] + (b"junk" + bytes(4)) * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_exif(count: int) -> bytes:
    """An orientation of many values."""
    exif = directory({0x0112: (SHORT, count, -1)}, bytes([1, 0]) * count)
    return encoded(SMALL, "WEBP", exif=exif)


# --- foreign formats -----------------------------------------------------------------------------------------


def eps(size: int) -> bytes:
    """A PostScript file of many comments."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n" + b"%%a:b\n" * (size // 6)


def psd(count: int) -> bytes:
    """A Photoshop file of many resources."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 64, 64, 8, 3) + bytes(4)
    resources = (b"8BIM" + struct.pack(">H", 1000) + bytes(2) + bytes(4)) * count
    return head + struct.pack(">I", len(resources)) + resources + bytes(4) + bytes(2) + bytes(64 * 64 * 3)


def im(size: int) -> bytes:
    """An IFUNC file of many header lines."""
    return b"Image type: L\r\n" + b"Comment: a\r\n" * (size // 12) + b"\x1a"


def icns(count: int) -> bytes:
    """An Apple icon of many empty parts."""
    body = b"junk" + struct.pack(">I", 8)
    return b"icns" + struct.pack(">I", 8 + len(body) * count) + body * count


def xpm(size: int) -> bytes:
    """An X pixmap of many colours."""
    head = b'/* XPM */\nstatic char *x[] = {\n"64 64 65535 2",\n'
    return head + b'"aa c #102030",\n' * (size // 16)


class Harmful(NamedTuple):
    """A harmful picture.

    Attributes:
        what: how the page calls it.
        make: its maker, from a size.
        modest: the size for the tests, in the maker's own unit: one that already breaks the budget of the tests or
            that must be refused.
        worst: the size for the page.
        refused: words of the error; empty when it is read within the budget.
    """

    what: str
    make: Callable[[int], bytes]
    modest: int
    worst: int
    refused: str = ""


HARMFUL = {
    "jpeg2000-precincts": Harmful("JPEG 2000, precincts of 2 x 2", jpeg2000_precincts, 500, 1000, "code blocks"),
    "jpeg2000-tiles": Harmful("JPEG 2000, tiles of 15 x 15", jpeg2000_tiles, 1000, 3600, "tiles"),
    "jpeg2000-layers": Harmful("JPEG 2000, many layers", jpeg2000_layers, 60_000, 65_535, "packets"),
    "jpeg2000-segments": Harmful("JPEG 2000, empty segments", jpeg2000_segments, 100_000, 20_000_000, "segments"),
    "jpeg2000-boxes": Harmful("JPEG 2000, empty boxes", jpeg2000_boxes, 100_000, 12_000_000, "boxes"),
    "jpeg2000-stream": Harmful("JPEG 2000, header of 64 x 64", jpeg2000_size_of_stream, 4000, 60_000, "codestream"),
    "avif-extents": Harmful("AVIF, `ispe` of 64 x 64", avif_extents, 4500, 12_288, "sequence header"),
    "avif-items": Harmful("AVIF, many items", avif_items, 20_000, 60_000, "items"),
    "jpeg-scans": Harmful("progressive JPEG, 53 megapixels, one scan many times", jpeg_scans, 100, 10_000, "scans"),
    "jpeg-exif-segments": Harmful("JPEG, empty Exif segments", jpeg_exif_segments, 60_000, 400_000, "segments"),
    "jpeg-exif-bytes": Harmful("JPEG, full Exif segments", jpeg_exif_bytes, 300, 1500, "metadata"),
    "jpeg-application": Harmful("JPEG, empty APP5", jpeg_application_segments, 60_000, 2_500_000, "segments"),
    "jpeg-comments": Harmful("JPEG, empty comments", jpeg_comments, 60_000, 2_500_000, "segments"),
    "jpeg-tables": Harmful("JPEG, empty tables", jpeg_tables, 60_000, 2_500_000, "segments"),
    "jpeg-fill": Harmful("JPEG, fill bytes before a marker", jpeg_fill_before_marker, 300_000, 10_000_000, "fill"),
    "jpeg-fill-in-data": Harmful("JPEG, fill bytes in the data", jpeg_fill_in_data, 2_000_000, 10_000_000, "fill"),
    "jpeg-junk": Harmful("JPEG, bytes of no segment", jpeg_junk, 300_000, 90_000_000, "segment"),
    "jpeg-exif-entries": Harmful("JPEG, 4,000 entries at one place", jpeg_exif_entries, 4000, 4000, "Exif"),
    "tiff-strips": Harmful("TIFF 64 x 64, many strips", tiff_strips, 400_000, 25_000_000, "strips"),
    "tiff-small-tiles": Harmful("TIFF, tiles of 1 x 1", tiff_small_tiles, 500, 5000, "tiles"),
    "tiff-tall-tiles": Harmful("TIFF, tiles taller than the picture", tiff_tall_tiles, 16_000, 65_520, "tiles"),
    "tiff-bits": Harmful("TIFF, many BitsPerSample", tiff_values(258), 400_000, 50_000_000, "values"),
    "tiff-orientations": Harmful("TIFF, many orientations", tiff_values(274), 400_000, 50_000_000, "values"),
    "tiff-directory": Harmful("TIFF, many values in Exif", tiff_directory_values, 400_000, 12_000_000, "values"),
    "tiff-entries": Harmful("BigTIFF, many entries", tiff_large_entries, 100_000, 5_000_000, "entries"),
    "png-private": Harmful("PNG, empty private chunks", png_private, 100_000, 8_000_000, "chunks"),
    "png-empty-data": Harmful("PNG, empty IDAT", png_empty_data, 100_000, 8_000_000, "chunks"),
    "png-text": Harmful("PNG, text chunks", png_text, 100_000, 4_000_000, "chunks"),
    "png-after-data": Harmful("PNG, chunks after the data", png_after_data, 100_000, 8_000_000, "chunks"),
    "png-orientation": Harmful("PNG, orientation of many values", png_orientation, 1_000_000, 49_000_000, "Exif"),
    "png-profile": Harmful("PNG, iCCP many times", png_packed(b"iCCP"), 1000, 90_000, "compressed"),
    "png-packed-text": Harmful("PNG, zTXt without a key", png_packed(b"zTXt"), 1000, 90_000, "compressed"),
    "png-packed-unicode": Harmful("PNG, iTXt that is no text", png_packed(b"iTXt"), 1000, 90_000, "compressed"),
    "png-profile-lines": Harmful("PNG, profile of line breaks", png_profile_lines, 9_000_000, 60_000_000, "text"),
    "gif-comment": Harmful("GIF, comment blocks", gif_blocks(0xFE), 400_000, 45_000_000, "blocks"),
    "gif-application": Harmful("GIF, application blocks", gif_blocks(0xFF), 400_000, 45_000_000, "blocks"),
    "gif-extensions": Harmful("GIF, empty extensions", gif_extensions, 400_000, 30_000_000, "blocks"),
    "plain-ppm": Harmful("plain PPM", plain_ppm, 3, 15, "plain"),
    "plain-pgm": Harmful("plain PGM, 16 bits", plain_pgm, 9, 45, "plain"),
    "plain-pbm": Harmful("plain PBM", plain_pbm, 32, 75, "plain"),
    "plain-comments": Harmful("plain PGM, comments", plain_comments, 2_000_000, 30_000_000, "comments"),
    "ppm-scaled": Harmful("PPM, largest value 254", ppm_scaled, 5, 25, "255"),
    "ppm-comment": Harmful("PPM, comment in the header", ppm_header_comment, 200_000, 90_000_000, "header"),
    "ppm-spaces": Harmful("PPM, spaces in the header", ppm_header_spaces, 200_000, 90_000_000, "header"),
    "bmp-nowhere": Harmful("BMP, runs that go nowhere", bmp_nowhere, 9_000_000, 90_000_000, "runs"),
    "bmp-line-ends": Harmful("BMP, rows that end at once", bmp_line_ends, 1300, 1300, "runs"),
    "bmp-header": Harmful("BMP, header of the whole file", dib_long_header, 1_000_000, 100_000_000, "header"),
    "webp-chunks": Harmful("WebP, empty chunks", webp_chunks, 100_000, 12_000_000, "chunks"),
    "webp-orientation": Harmful("WebP, orientation of many values", webp_exif, 2_500_000, 45_000_000, "Exif"),
    "eps": Harmful("EPS", eps, 10_000, 10_000_000, "is a EPS file"),
    "psd": Harmful("PSD", psd, 1000, 800_000, "is a PSD file"),
    "im": Harmful("IM", im, 10_000, 10_000_000, "expected one of"),
    "icns": Harmful("ICNS", icns, 1000, 1_200_000, "is a ICNS file"),
    "xpm": Harmful("XPM", xpm, 10_000, 10_000_000, "expected one of"),
}
