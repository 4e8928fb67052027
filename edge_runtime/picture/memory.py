"""Let large pictures into memory one at a time, and their memory back out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# Bytes a pixel at the decoder's peak; 4 for a format that is not named here.
# Measured in docs/measurements/edge-performance.md. HEIC was measured on pictures of 6 to 24 megapixels: 7 to 8,
# and 12.5 with 10 bits and transparency.
PLAIN_BYTES = 4
DECODER_BYTES = {"TIFF": 12, "WEBP": 16, "AVIF": 16, "HEIC": 12, "JPEG2000": 24}

# Pictures that take more than this are decoded one after the other, so that their memory does not add up.
LARGE_BYTES = 32_000_000
_LOCK = Lock()


@contextmanager
def one_at_a_time(size_bytes: int) -> Iterator[None]:
    """Wait, when `size_bytes` is large, until no other thread holds a large picture.

    The block must free the picture before it ends.
    """
    if size_bytes <= LARGE_BYTES:
        yield
        return
    with _LOCK:
        yield
        _return_freed_memory()


def _return_freed_memory() -> None:
    """Give what was freed back to the system: glibc keeps it for the thread, and each thread keeps its own.

    Measured with three threads on pictures of 316 MB: peak 701 MiB without, 380 MiB with.
    """
    import ctypes  # only large pictures need it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
