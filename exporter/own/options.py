"""The kinds of values that options about a model of the user's own take."""

from __future__ import annotations

import math
import re
from typing import Any

import click


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """One number, or three with commas between them."""

    name = "numbers"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers. Refuse a wrong one with Click's usage error."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: expected a number, or three such as 123.7,116.3,103.5", parameter, context)
        if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
            self.fail(f"{value!r}: expected a number, or three such as 123.7,116.3,103.5", parameter, context)
        return numbers


class Size(click.ParamType):  # type: ignore[type-arg]
    """The size of a picture: `224`, or `320x240` for width and height."""

    name = "size"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, int]:
        """Return height and width in pixels. Refuse a wrong size with Click's usage error."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", str(value).strip())
        if match is None:
            self.fail(f"{value!r}: expected a size such as 224, or 320x240 (width x height)", parameter, context)
        width = int(match[1])
        return int(match[2] or width), width
