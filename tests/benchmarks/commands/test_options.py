"""Options of the commands: one record each, and names that are the same everywhere."""

import sys
from pathlib import Path

import click
import pytest

from tests.benchmarks.test_cli import EVERY, ids

LEAVES = {words: command for words, command in EVERY.items() if not isinstance(command, click.Group)}


def record_of(words):
    """Return the record that holds a command's options: `ColdStartOptions` for `cold-start`."""
    module = sys.modules[LEAVES[words].callback.__module__]
    return getattr(module, f"{words[-1].title().replace('-', '')}Options")


@pytest.mark.parametrize("words", LEAVES, ids=ids)
def test_each_command_has_a_record_of_just_its_options(words):
    """Proves that no option is lost on the way and that no field stays without one; mypy checks the rest."""
    record = record_of(words)
    assert issubclass(record, tuple)  # so no command can change its options
    assert sorted(record._fields) == sorted(parameter.name for parameter in LEAVES[words].params)
    assert record.__doc__ == f"What `catdog-bench {' '.join(words)}` was asked for."


@pytest.mark.parametrize(
    "words", [words for words, command in LEAVES.items() if "bundle" in str(command.params)], ids=ids
)
@pytest.mark.parametrize("option", ["--bundle", "--model"])
def test_a_bundle_is_named_in_one_way_and_by_its_old_alias(words, option):
    """Proves that `--bundle` and `--model` fill the same field of every command that takes a bundle."""
    command = LEAVES[words]
    (bundle,) = [parameter for parameter in command.params if parameter.name in ("bundle", "bundles")]
    assert bundle.opts[0] == "--bundle"
    parsed, _, _ = command.make_parser(click.Context(command)).parse_args([option, "my-bundle"])
    value = parsed[bundle.name]
    assert value == (["my-bundle"] if bundle.multiple else "my-bundle")
    assert isinstance(bundle.type, click.Path)
    assert bundle.type.type is Path


def test_no_command_says_runtime():
    """Proves that what runs a model file has one name on the command line: backend."""
    for words, command in LEAVES.items():
        for parameter in command.params:
            assert "runtime" not in " ".join(parameter.opts), words
            assert "runtime" not in (getattr(parameter, "help", "") or "").lower().replace("onnx runtime", ""), (
                words
            )
