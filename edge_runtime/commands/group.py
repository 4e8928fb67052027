"""A group of commands whose modules are imported when a command is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class CommandGroup(click.Group):
    """A Click group that knows where its commands are and imports only the one that runs."""

    def __init__(self, *args: Any, modules: Mapping[str, str], **options: Any) -> None:
        """Make the group.

        Args:
            args: what `click.Group` takes.
            modules: the module of each command by its name; the command in it has that name too, with `_` for `-`.
            options: what `click.Group` takes.
        """
        super().__init__(*args, **options)
        self._modules = modules

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands, sorted."""
        return sorted(self._modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command, or return None where there is none of that name."""
        if name not in self._modules:
            return None
        command: click.Command = getattr(import_module(self._modules[name]), name.replace("-", "_"))
        return command
