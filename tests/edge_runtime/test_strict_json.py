"""JSON that two readers could understand differently is refused."""

import json
from pathlib import Path

import pytest

from edge_runtime.strict_json import read_json, refuse_obeyed_characters, shortened, strict_json, unprintable


def test_values_are_those_of_json() -> None:
    """Proves that ordinary JSON reads as it always does, with the order of its keys."""
    values = {"b": [1, 2.5, True, None, "ü\n"], "a": {"x": -(2**63), "y": 2**63 - 1, "z": 1e308}}
    assert strict_json(json.dumps(values)) == values
    assert list(strict_json(json.dumps(values))) == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 1}', "the key 'a' stands twice"),
        ('[{"b": {"\\u001b": 1, "\\u001b": 2}}]', r"the key '\\x1b' stands twice"),
        ("[NaN]", "NaN is no finite number"),
        ("[-Infinity]", "-Infinity is no finite number"),
        ("[1e999]", "1e999 is no finite number"),
        ("[9223372036854775808]", "does not fit 64 bits"),
        (f"[{'1' * 100_000}]", r"the whole number 1{20}\.\.\. does not fit 64 bits"),
        ("[1", "delimiter"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    """Proves that keys that stand twice and numbers that are none, or too large, are refused in a short line."""
    with pytest.raises(ValueError, match=words) as refused:
        strict_json(text)
    assert len(str(refused.value)) < 200


def test_infinite_numbers_where_they_are_wanted() -> None:
    """Proves that the history of a training that diverged can be read."""
    assert str(strict_json("[NaN, Infinity, 1e999]", finite=False)) == "[nan, inf, inf]"


@pytest.mark.parametrize(
    "bad", ["\x00", "\n", "\x1b", "\x7f", "\x9b", "\u200f", "\u2028", "\u202e", "\u2066", "\ud800"]
)
def test_characters_that_are_obeyed(bad: str) -> None:
    """Proves that they are found in texts and in keys, however deep, and that the message does not hold them."""
    for values in (bad, {bad: 1}, [{"a": [0, f"x{bad}y"]}]):
        with pytest.raises(ValueError, match="has control characters") as refused:
            refuse_obeyed_characters(values)
        assert str(refused.value).isprintable()


def test_characters_that_are_shown() -> None:
    """Proves that letters of any language, wide spaces and pictures of two characters are no fault."""
    refuse_obeyed_characters({"größe": ["猫\u3000犬", "עברית", "a\u00a0b", "👩\u200d🔬", 1, None, True]})


def test_shortened() -> None:
    """Proves that a value is whole where it is short, and otherwise ends in dots at the length asked for."""
    assert shortened("a\nb") == r"'a\nb'"
    assert (len(shortened("x" * 1000)), shortened(list(range(1000)), 20)[-3:]) == (80, "...")


def test_size_and_encoding_of_a_file_are_limited(tmp_path: Path) -> None:
    """Proves that a large file is refused by its size, and bytes that are no UTF-8 by their place."""
    (tmp_path / "a.json").write_bytes(b'["\xff"]')
    with pytest.raises(UnicodeDecodeError):
        read_json(tmp_path / "a.json")
    with pytest.raises(OSError, match="too large: 5 bytes, at most 4"):
        read_json(tmp_path / "a.json", 4)
    (tmp_path / "a.json").write_text('{"a": NaN}')
    assert str(read_json(tmp_path / "a.json", finite=False)) == "{'a': nan}"
    with pytest.raises(ValueError, match="NaN is no finite number"):
        read_json(tmp_path / "a.json")


def test_what_can_be_printed() -> None:
    """Proves that letters of every script, joined signs and spaces pass, and what moves text does not."""
    assert not any(map(unprintable, ("", "cat", "Käse 1", "猫", "חתול", "👩\u200d🔬", "\u200c\u00a0")))
    odd = "\0\t\n\r\x1b\x7f\x80\x9b\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069"
    assert all(unprintable(f"a{letter}b") for letter in odd)
