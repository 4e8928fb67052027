"""`catdog-bench` itself: its table of commands, its help, and what that loads."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from benchmarks.cli import COMMANDS, main
from tests.benchmarks.conftest import bench

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "PIL", "scipy", "matplotlib", "ai_edge_litert", "onnxruntime", "tensorflow", "keras"}


def every_command(group=main, path=()):
    """Yield each command of the group and of its groups, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


EVERY = dict(every_command())


def ids(value):
    return " ".join(value)


def test_each_command_has_one_file_and_one_line_in_the_table():
    """Proves that a command is added by a file in commands/ and a line in `COMMANDS`, and by nothing else."""
    files = {path.stem for path in (ROOT / "benchmarks/commands").glob("*.py")} - {"__init__", "options"}
    assert {listed.module for listed in COMMANDS.values()} == {f"benchmarks.commands.{name}" for name in files}
    for name, listed in COMMANDS.items():
        command = EVERY[(name,)]
        assert (command.name, command.callback.__module__) == (name, listed.module)
        assert command.help.partition(".")[0] + "." == listed.summary


def test_version_is_that_of_the_package():
    """Proves that `--version` names the release that is installed."""
    done = bench("--version")
    assert done.exit_code == 0
    assert version("catdog-edge") in done.stdout


@pytest.mark.parametrize("words", EVERY, ids=ids)
def test_every_command_explains_itself(words):
    """Proves that each command has a help page with a whole first sentence, and each option a help text."""
    done = bench(*words, "--help")
    assert done.exit_code == 0
    command = EVERY[words]
    assert command.help.partition("\n")[0].endswith(".")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help[0].isupper(), option.name


@pytest.mark.parametrize("words", EVERY, ids=ids)
def test_the_list_of_commands_cuts_no_sentence(words):
    """Proves that the one line of each command in the list is whole on a terminal of 80 columns."""
    assert not EVERY[words].get_short_help_str(limit=58).endswith("...")


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["run", "--no-such-option"], ["edge", "no-such-command"], ["compare", "old"]]
)
def test_wrong_use_exits_with_2(arguments):
    """Proves that scripts can tell wrong use from what failed while measuring."""
    done = bench(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: ")


def test_help_loads_no_heavy_library(tmp_path):
    """Proves that every help page comes before NumPy, a plot or an inference library is loaded."""
    script = (
        "import sys\n"
        "from benchmarks.cli import main\n"
        f"for words in {[list(words) for words in EVERY]!r}:\n"
        "    main([*words, '--help'], standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
