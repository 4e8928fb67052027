"""Read JSON that every reader understands alike: no key twice, and no number that becomes another one."""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any

from edge_runtime.bounded_file import read_bounded

MAX_JSON_BYTES = 500_000_000  # the list of a million pictures takes about 300 MB
# Characters that a terminal or an editor obeys: control characters, line separators and directions of writing.
# Halves of characters are among them, as they cannot be written.
# Source: Unicode 15.1, general categories Cc, Zl, Zp and Cs, and the property Bidi_Control.
_OBEYED = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def read_json(path: str | os.PathLike[str], most_bytes: int = MAX_JSON_BYTES, *, finite: bool = True) -> Any:
    """Return the value in a JSON file.

    Args:
        path: a regular file of UTF-8.
        most_bytes: its largest size. Default `MAX_JSON_BYTES`.
        finite: refuse NaN, Infinity, and numbers as large as 1e999. Default yes.

    Raises:
        OSError: the file cannot be read, is no regular file or is too large.
        ValueError: what it holds is refused by `strict_json`, or is no UTF-8.
        RecursionError: it is nested too deeply.
    """
    return strict_json(read_bounded(path, most_bytes).decode("utf-8"), finite=finite)


def strict_json(text: str, *, finite: bool = True) -> Any:
    """Return the value of a JSON text.

    Args:
        text: the text of a whole file.
        finite: refuse NaN, Infinity, and numbers as large as 1e999. Default yes.

    Raises:
        ValueError: the text is no JSON, an object has a key twice, or a number is out of range.
        RecursionError: it is nested too deeply.
    """
    number = _finite if finite else float
    return json.loads(
        text, object_pairs_hook=_object, parse_int=_whole_number, parse_float=number, parse_constant=number
    )


def refuse_obeyed_characters(values: Any) -> None:
    """Look through all texts and keys of a JSON value.

    Raises:
        ValueError: one of them has a character that a terminal obeys.
        RecursionError: the value is nested too deeply.
    """
    if isinstance(values, str):
        if unprintable(values):
            raise ValueError(f"the text {shortened(values)} has control characters")
        return
    if isinstance(values, dict):
        for key in values:
            refuse_obeyed_characters(key)
    for value in values.values() if isinstance(values, dict) else values if isinstance(values, list) else ():
        refuse_obeyed_characters(value)


def unprintable(text: str) -> bool:
    """Say whether a text holds a character that a terminal obeys: a name or a label must not."""
    return not text.isprintable() and re.search(_OBEYED, text) is not None  # the pattern is compiled when needed


def shortened(value: object, most: int = 80) -> str:
    """Return a value as it stands in code, on one line of at most `most` characters."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {shortened(key)} stands twice")
        values[key] = value
    return values


def _whole_number(digits: str) -> int:
    """Return the number if it fits 64 bits. A larger one would fail later, when it becomes a float."""
    # More digits than that take Python seconds, or it refuses them by itself.
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError(f"the whole number {digits[:20]}... does not fit 64 bits")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.20} is no finite number")
    return number
