"""A group of commands that imports the module of a command only when the command is needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from edge_runtime.terminal import wrong_use_visible


class Listed(NamedTuple):
    """A command of a group.

    Attributes:
        module: the module with the command.
        summary: the first sentence of its help.
    """

    module: str
    summary: str


class CommandGroup(click.Group):
    """A Click group that imports only the command that runs, and no command for its own help.

    The errors of wrong use of its commands are `wrong_use_visible`.
    """

    def __init__(self, *args: Any, listed: Mapping[str, Listed], **options: Any) -> None:
        """Make the group.

        Args:
            args: the positional arguments of `click.Group`.
            listed: the commands by name. The module of a command has it under the same name, with `_` for `-`.
            options: the keyword arguments of `click.Group`.
        """
        super().__init__(*args, **options)
        self._listed = listed

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the command line of a command, and run it."""
        with wrong_use_visible():
            return super().invoke(ctx)

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands, sorted."""
        return sorted(self._listed)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import and return a command, or return None if no command has this name."""
        if name not in self._listed:
            return None
        command: click.Command = getattr(import_module(self._listed[name].module), name.replace("-", "_"))
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._listed[name].summary) for name in self.list_commands(context)])
