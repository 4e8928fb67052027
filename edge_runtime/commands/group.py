"""A group of commands whose modules are imported when a command is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Listed(NamedTuple):
    """A command of a group: the module that it is in, and the first sentence of its help."""

    module: str
    summary: str


class CommandGroup(click.Group):
    """A Click group that knows where its commands are. It imports only the one that runs, and none for its help."""

    def __init__(self, *args: Any, listed: Mapping[str, Listed], **options: Any) -> None:
        """Make the group.

        Args:
            args: what `click.Group` takes.
            listed: the commands by name; in its module a command has that name too, with `_` for `-`.
            options: what `click.Group` takes.
        """
        super().__init__(*args, **options)
        self._listed = listed

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands, sorted."""
        return sorted(self._listed)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command, or return None where there is none of that name."""
        if name not in self._listed:
            return None
        command: click.Command = getattr(import_module(self._listed[name].module), name.replace("-", "_"))
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._listed[name].summary) for name in self.list_commands(context)])
