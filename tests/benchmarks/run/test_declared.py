"""Values of a file are held to the types that records declare."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

import pytest

from benchmarks.run.declared import refuse_undeclared


class Colour(StrEnum):
    """An enumeration as records have them."""

    RED = "red"


class Inner(TypedDict):
    """An object whose keys are known."""

    name: str
    size: int | None


@dataclass(frozen=True)
class Outer:
    """A record with a value of each kind."""

    share: float
    colour: Colour
    done: bool
    inner: Inner
    pair: tuple[float, float]
    names: tuple[str, ...]
    counts: dict[str, list[int]]
    free: dict[str, Any] | None


WHOLE = {
    "share": 1,
    "colour": "red",
    "done": True,
    "inner": {"name": "x", "size": None},
    "pair": [0.5, 1],
    "names": [],
    "counts": {"a": [1, 2]},
    "free": {"anything": [object]},
}


def test_what_fits_is_accepted() -> None:
    """Proves that a file's object and the record itself fit, with null where null is declared."""
    refuse_undeclared(WHOLE, Outer, "outer")
    refuse_undeclared(Outer(**WHOLE | {"free": None}), Outer, "outer")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": True}, "outer: share: expected a number, received True"),
        ({"share": float("nan")}, "outer: share: expected a number, received nan"),
        ({"share": None}, "outer: share: expected a number, received None"),
        ({"colour": "blue"}, "outer: colour: expected Colour, received 'blue'"),
        ({"done": 1}, "outer: done: expected true or false, received 1"),
        ({"inner": {"name": "x"}}, "outer: inner: expected the keys name, size, received"),
        ({"inner": {"name": "x", "size": 1.5}}, "outer: inner: size: expected a whole number, received 1.5"),
        ({"inner": []}, "outer: inner: expected the keys name, size, received"),
        ({"pair": [1]}, "outer: pair: expected 2 values, received"),
        ({"pair": "ab"}, "outer: pair: expected a list, received 'ab'"),
        ({"names": [1]}, "outer: names: expected a text, received 1"),
        ({"counts": {"a\n": [""]}}, r"outer: counts: 'a\\n': expected a whole number, received ''"),
        ({"counts": []}, "outer: counts: expected an object, received"),
        ({"free": 1}, "outer: free: expected an object, received 1"),
        ({"more": 1}, "outer: expected the keys share"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(change: dict[str, Any], words: str) -> None:
    """Proves that the place, the expected type and the received value are named."""
    with pytest.raises(ValueError, match=words):
        refuse_undeclared(WHOLE | change, Outer, "outer")
