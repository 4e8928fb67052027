"""The systemd unit of the documentation is valid, and catdog-edge knows its options."""

import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from edge_runtime.cli import main

UNIT = Path(__file__).parents[3] / "docs/catdog-edge.service"


def test_systemd_accepts_the_unit() -> None:
    """Proves that `systemd-analyze verify` finds no fault in the unit."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run([tool, "verify", str(UNIT)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_commands_of_the_unit_exist() -> None:
    """Proves that each option in the unit is an option of its command."""
    lines = [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith("ExecStart")]
    assert len(lines) == 2
    for line in lines:
        program, tool, name, *arguments = shlex.split(line)
        assert (program, tool) == ("/usr/bin/env", "catdog-edge")
        command = main.get_command(click.Context(main), name)
        assert command is not None
        command.make_context(name, arguments)
