"""Options of the commands: one record each, and names that are the same everywhere."""

from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import click
import pytest

from benchmarks.commands.options import takes
from tests.benchmarks.test_cli import EVERY, ids

LEAVES = {words: command for words, command in EVERY.items() if not isinstance(command, click.Group)}


def record_of(command):
    """Return the record that a command takes its options as."""
    return get_type_hints(command.callback.__wrapped__)["options"]


@pytest.mark.parametrize("words", LEAVES, ids=ids)
def test_each_command_has_a_record_of_just_its_options(words):
    """Proves that no option is lost on the way and no field stays without one: mypy sees the rest."""
    record = record_of(LEAVES[words])
    assert is_dataclass(record)
    assert {field.name for field in fields(record)} == {parameter.name for parameter in LEAVES[words].params}


def test_records_differ():
    """Proves that no command borrows the record of another."""
    assert len({record_of(command) for command in LEAVES.values()}) == len(LEAVES)


@dataclass(frozen=True)
class Word:
    """One option."""

    word: str


def test_a_command_gets_a_frozen_record():
    """Proves that a command gets what was typed as fields, and cannot change it."""
    got = []

    @click.command()
    @click.option("--word")
    @takes(Word)
    def say(options: Word) -> None:
        """Say it."""
        got.append(options)

    say.main(["--word", "hello"], standalone_mode=False)
    assert got == [Word("hello")]
    assert say.help == "Say it."
    with pytest.raises(FrozenInstanceError):
        got[0].word = "bye"


def test_a_record_without_the_option_is_a_fault_at_once():
    """Proves that a misspelt field cannot pass unseen."""

    @click.command()
    @click.option("--other")
    @takes(Word)
    def say(options: Word) -> None:
        """Say it."""

    with pytest.raises(TypeError, match="other"):
        say.main(["--other", "hello"], standalone_mode=False)


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
