"""The words for what passes a limit, the same in every format."""

from __future__ import annotations

# Metadata of a picture in all: some programs keep every layer there.
MAX_METADATA_BYTES = 32 * 2**20
REMEDY = "Open it in a picture program and save it again."


class LimitError(Exception):
    """A picture holds more of something than its decoder should be given."""


def at_most(limit: int, found: int, what: str) -> None:
    """Refuse a number above its limit.

    Args:
        limit: the largest number that is let through.
        found: the number in the file.
        what: the things that are counted, in the plural.

    Raises:
        LimitError: `found` is above `limit`.
    """
    if found > limit:
        raise LimitError(f"not safe to decode: more than {limit:,} {what}. {REMEDY}")


def pixels_at_most(allowed: int, width: int, height: int, where: str = "") -> None:
    """Refuse a size before its decoder is opened.

    Args:
        allowed: pixels.
        width: in pixels.
        height: in pixels.
        where: where the size stands, if not in the header that the decoder reports.

    Raises:
        LimitError: there are more than `allowed` pixels.
    """
    if width * height > allowed:
        place = f" in its {where}" if where else ""
        raise LimitError(f"too large: {width} x {height}, at most {allowed:,} pixels{place}")
