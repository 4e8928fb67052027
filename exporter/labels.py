"""Read the labels that a user names: `cat,dog`, or a file such as the labels.txt of Teachable Machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from edge_runtime.bounded_file import read_bounded, reason_of
from edge_runtime.strict_json import strict_json, unprintable
from exporter.errors import SourceError

MAX_BYTES = 10_000_000
_MOST_SHOWN = 20
_NUMBERED = re.compile(r"(\d+)[\s:,]+(.*\S)\s*")


def named_labels(text: str) -> tuple[str, ...]:
    """Return the labels of `--labels`, in the order of the model's outputs.

    Args:
        text: labels with commas between them, or the path of a file. The file has a label on each line, such as
            `cat` or `0 cat`; or it is JSON: a list, `{"0": "cat"}` or `{"cat": 0}`.

    Raises:
        SourceError: the file cannot be read, or there are not two labels that differ.
    """
    path = Path(text)
    if "," in text and not path.is_file():
        return checked(tuple(label.strip() for label in text.split(",")), text)
    try:
        content = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{text}: no file of labels ({reason_of(error)}). Name a text file with a label on each line, or give "
            "the labels themselves: --labels cat,dog"
        ) from error
    return checked(labels_in(content, text), text)


def labels_in(content: str, name: str) -> tuple[str, ...]:
    """Return the labels in the text of a file, as they stand there.

    Raises:
        SourceError: it is JSON of another shape, or its numbers leave one out.
    """
    if content.lstrip().startswith(("[", "{")):
        return _json_labels(content, name)
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and all(numbered):
        return _in_order({int(match[1]): match[2] for match in numbered if match}, len(lines), name)
    return tuple(lines)


def checked(labels: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return labels that a manifest can have; of those that come twice, the later ones get a number.

    Raises:
        SourceError: there are fewer than two, one is empty, or one cannot be printed.
    """
    if len(labels) < 2 or not all(labels):
        raise SourceError(f"{name}: expected two or more labels, received {', '.join(labels) or 'none'}.")
    if odd := next(filter(unprintable, labels), None):
        raise SourceError(f"{name}: the label {odd!r} has a control character or a mark of direction. Rename it.")
    unique: list[str] = []
    for label in labels:
        count, fresh = 1, label
        while fresh in unique:
            count += 1
            fresh = f"{label} ({count})"
        unique.append(fresh)
    return tuple(unique)


def order_line(labels: tuple[str, ...]) -> str:
    """Return one line with the order of the labels, for people."""
    shown = ", ".join(f"{index} {label}" for index, label in enumerate(labels[:_MOST_SHOWN]))
    more = f", ... ({len(labels):,} in all)" if len(labels) > _MOST_SHOWN else ""
    return f"labels in the order of the outputs: {shown}{more}"


def _json_labels(content: str, name: str) -> tuple[str, ...]:
    try:
        values: Any = strict_json(content)
    except (json.JSONDecodeError, ValueError, RecursionError) as error:
        raise SourceError(f"{name}: is no JSON ({error}). Give a label on each line.") from error
    if isinstance(values, list) and all(isinstance(label, str) for label in values):
        return tuple(label.strip() for label in values)
    if isinstance(values, dict):
        pairs = [(key, value) if isinstance(value, str) else (value, key) for key, value in values.items()]
        if all(str(number).isdecimal() for number, _ in pairs):
            return _in_order({int(number): str(label).strip() for number, label in pairs}, len(pairs), name)
    raise SourceError(f'{name}: expected a JSON list of labels, {{"0": "cat"}} or {{"cat": 0}}.')


def _in_order(by_number: dict[int, str], count: int, name: str) -> tuple[str, ...]:
    """Return labels by their numbers, which begin at 0 or at 1."""
    numbers = sorted(by_number)
    if len(numbers) != count or numbers != list(range(numbers[0], numbers[0] + count)) or numbers[0] > 1:
        raise SourceError(
            f"{name}: expected the numbers 0 to {count - 1}, each once, received "
            f"{', '.join(map(str, numbers[:10]))}."
        )
    return tuple(by_number[number] for number in numbers)
