"""Options that several commands of `catdog-bench` share, and how a command gets its options as one record."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

Options = TypeVar("Options")

BUNDLE = click.option(
    "--bundle",
    "--model",
    "bundle",
    type=click.Path(path_type=Path),
    help="Bundle folder.  [default: newest in bundles/, else the shipped one]",
)
TEST_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of pictures. The bundle recognises its test pictures by their content.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def takes(record: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Give a command its options as one record, which has a field for each parameter of the command."""

    def decorate(command: Callable[[Options], None]) -> Callable[..., None]:
        @wraps(command)
        def run(**values: Any) -> None:
            command(record(**values))

        return run

    return decorate
