"""What a JPEG file says about the memory that its decoder will take."""

from __future__ import annotations

from typing import IO

_START_OF_SCAN = 0xDA
_FILL = 0xFF


def has_many_scans(file: IO[bytes], components: int) -> bool:
    """Say whether a baseline JPEG stores its components apart, so that a decoder keeps them all until the end.

    Args:
        file: the JPEG; left where it was.
        components: of its pixels, 1-4.

    Returns:
        Whether its first scan lacks components; True also when no scan is found.

    Source: ITU-T T.81, B.1.1.4 and B.2.3.
    """
    position = file.tell()
    try:
        file.seek(2)
        while len(head := file.read(4)) == 4 and head[0] == _FILL:
            if head[1] == _FILL:  # any number may stand before a marker
                file.seek(-3, 1)
            elif head[1] == _START_OF_SCAN:
                return file.read(1) < bytes([components])
            else:
                file.seek(int.from_bytes(head[2:]) - 2, 1)
        return True
    finally:
        file.seek(position)
