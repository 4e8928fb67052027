"""Small HEIC files for tests, written by libheif and changed by hand."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

pillow_heif: Any = pytest.importorskip("pillow_heif", reason="pillow-heif reads HEIC files")


def noise(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Return a picture of large random blocks."""
    dice = np.random.default_rng(3)
    blocks = Image.fromarray(dice.integers(0, 256, (8, 12, 4), np.uint8)).convert(mode)
    return blocks.resize((width, height), Image.Resampling.NEAREST)


def heic(image: Image.Image, **options: Any) -> bytes:
    """Return a HEIC file of a picture, lossless if nothing else is asked."""
    file = io.BytesIO()
    options = {"quality": -1, "chroma": 444} | options
    pillow_heif.from_pillow(image).save(file, **options)
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box."""
    return struct.pack(">I", 8 + len(content)) + kind + content


class HeicFile:
    """A HEIC file that is put together by hand from the HEVC picture of a real one.

    Args:
        side: sides of its tile in pixels.
    """

    def __init__(self, side: int = 64) -> None:
        """Take the parts of a real file."""
        whole = heic(noise(side, side), chroma=420, quality=50)
        place = whole.index(b"hvcC") - 4
        self.header = whole[place : place + int.from_bytes(whole[place : place + 4])]
        start = whole.index(b"mdat") + 4
        self.tile = whole[start : start - 8 + int.from_bytes(whole[start - 8 : start - 4])]
        self.side = side

    def build(  # noqa: PLR0913  each is one part of a file
        self,
        items: list[tuple[bytes, bytes, list[int]]],
        *,
        sides: tuple[int, int] | None = None,
        more: list[bytes] | None = None,
        properties: list[int] | None = None,
        words: bytes = b"",
        method: int = 0,
        brands: bytes = b"heic",
    ) -> bytes:
        """Return a file.

        Args:
            items: kind, content and sources of each item; the first has the number 1 and is shown.
            sides: what the first item says that its size is.
            more: further property boxes.
            properties: numbers of the properties of the first item. Property 1 is the size of the shown picture, 2
                that of a tile, 3 the decoder's header; those of `more` follow.
            words: what follows the kind of each item: its name, its type, how it is packed.
            method: how the places of items are counted.
            brands: major brand and those that follow its version.
        """
        width, height = sides or (self.side, self.side)
        known = [box(b"ispe", struct.pack(">III", 0, *size)) for size in ((width, height), (self.side, self.side))]
        known += [self.header, *(more or [])]
        first = properties or ([1, 3] if items[0][0] == b"hvc1" else [1])
        links = b"".join(
            struct.pack(">HB", number, len(wanted)) + bytes(wanted)
            for number, wanted in enumerate([first] + [[2, 3]] * (len(items) - 1), start=1)
        )
        infos = b"".join(
            box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + kind + words + b"\0")
            for number, (kind, _, _) in enumerate(items, start=1)
        )
        sources = b"".join(
            box(b"dimg", struct.pack(f">HH{len(found)}H", number, len(found), *found))
            for number, (_, _, found) in enumerate(items, start=1)
            if found
        )
        ftyp = box(b"ftyp", brands[:4] + bytes(4) + (brands[4:] or b"mif1heic"))

        def meta(start: int) -> bytes:
            places = b""
            for number, (_, content, _) in enumerate(items, start=1):
                places += struct.pack(">HHHHII", number, method, 0, 1, start, len(content))
                start += len(content)
            return box(
                b"meta",
                bytes(4)
                + box(b"hdlr", bytes(8) + b"pict" + bytes(13))
                + box(b"pitm", struct.pack(">IH", 0, 1))
                + box(b"iloc", b"\1\0\0\0\x44\0" + struct.pack(">H", len(items)) + places)
                + box(b"iinf", struct.pack(">IH", 0, len(items)) + infos)
                + (box(b"iref", bytes(4) + sources) if sources else b"")
                + box(
                    b"iprp",
                    box(b"ipco", b"".join(known)) + box(b"ipma", struct.pack(">II", 0, len(items)) + links),
                ),
            )

        start = len(ftyp) + len(meta(0)) + 8
        return ftyp + meta(start) + box(b"mdat", b"".join(content for _, content, _ in items))

    def grid(self, rows: int, columns: int, tiles: int = 1, **options: Any) -> bytes:
        """Return a file with a grid in which some tiles come again and again."""
        size = (columns * self.side, rows * self.side)
        content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
        sources = [2 + number % tiles for number in range(rows * columns)]
        items = [(b"grid", content, sources), *[(b"hvc1", self.tile, [])] * tiles]
        return self.build(items, sides=size, **options)
