"""The decoders that are installed, and their versions. They decide which pictures can be read, and their pixels."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version

# As Pillow calls them; an older Pillow may not know each of them.
LIBRARIES = (
    "pil",
    "jpg",
    "libjpeg_turbo",
    "mozjpeg",
    "jpg_2000",
    "webp",
    "avif",
    "libtiff",
    "zlib",
    "zlib_ng",
    "littlecms2",
)
# What Pillow asks for formats that it cannot read itself, where people have installed it.
PLUGINS = ("pillow-heif", "pillow-avif-plugin", "pillow-jxl-plugin")


@cache
def decoders() -> dict[str, str | None]:
    """Return the version of Pillow and of each library that it decodes with; None for one that is missing."""
    from PIL import features

    known = (name for name in LIBRARIES if name in (*features.modules, *features.codecs, *features.features))
    found = {name: str(features.version(name)) if features.check(name) else None for name in known}
    return found | {name: _version(name) for name in PLUGINS}


def decoders_identifier() -> str:
    """Return eight hex digits that stand for the decoders. They differ when any version differs."""
    return hashlib.sha256(json.dumps(decoders(), sort_keys=True).encode()).hexdigest()[:8]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
