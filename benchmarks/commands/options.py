"""Options that several commands of `catdog-bench` share."""

from __future__ import annotations

from pathlib import Path

import click

TEST_DATA = click.option(
    "--data", type=click.Path(path_type=Path), required=True,
    help="Folder of pictures. The bundle recognises its test pictures by their content.",
)  # fmt: skip
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
