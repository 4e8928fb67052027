"""The preprocessing record of runs and bundles is read back whole, or refused as a damaged bundle."""

from dataclasses import replace
from typing import Any

import pytest

from edge_runtime.errors import BundleError
from edge_runtime.picture.preprocessing import Preprocessing, ResizeFilter


def test_record_round_trip() -> None:
    """Proves that a record that is stored and read again is equal."""
    chosen = Preprocessing(96, 64, ResizeFilter.LANCZOS, (0, 10, 255))
    assert Preprocessing.from_dict(chosen.to_dict()) == chosen
    assert chosen.to_dict() == {
        "width": 96,
        "height": 64,
        "resize_filter": "lanczos",
        "background": [0, 10, 255],
        "version": 1,
    }


def test_identifier_is_pinned_and_differs_with_each_field() -> None:
    """Proves that each part of the contract changes the identifier."""
    chosen = Preprocessing()
    others = [
        replace(chosen, width=127),
        replace(chosen, height=127),
        replace(chosen, resize_filter=ResizeFilter.BOX),
        replace(chosen, background=(255, 255, 254)),
    ]
    assert len({each.identifier for each in [chosen, *others]}) == 5
    assert chosen.identifier == "9224a36b47e5"


@pytest.mark.parametrize(
    "change",
    [
        {"width": "128"},
        {"width": 128.0},
        {"width": True},
        {"width": None},
        {"width": 0},
        {"height": 2049},
        {"height": -128},
        {"height": float("nan")},
        {"background": [1, 2]},
        {"background": [1, 2, 256]},
        {"background": [1, 2, 3.0]},
        {"background": ["1", "2", "3"]},
        {"background": "abc"},
        {"background": 5},
        {"background": None},
        {"resize_filter": "foo"},
        {"resize_filter": "BILINEAR"},
        {"resize_filter": ["box"]},
        {"resize_filter": None},
        {"version": 2},
        {"version": 0},
        {"version": "1"},
        {"version": True},
        {"version": None},
        {"extra": 1},
    ],
    ids=str,
)
def test_garbage_in_the_record_is_a_bundle_error(change: dict[str, Any]) -> None:
    """Proves that a wrong value of any kind is refused as a damaged bundle."""
    with pytest.raises(BundleError):
        Preprocessing.from_dict(Preprocessing().to_dict() | change)


@pytest.mark.parametrize("key", Preprocessing().to_dict())
def test_missing_key_is_refused(key: str) -> None:
    """Proves that no missing key takes its default."""
    values = Preprocessing().to_dict()
    del values[key]
    with pytest.raises(BundleError, match=key):
        Preprocessing.from_dict(values)


@pytest.mark.parametrize("values", [None, 5, "text", [], [["width", 1]], {}], ids=str)
def test_record_that_is_no_object_is_refused(values: Any) -> None:
    """Proves that any other JSON value in place of the record is refused as a damaged bundle."""
    with pytest.raises(BundleError):
        Preprocessing.from_dict(values)


def test_unknown_version_is_named_before_unknown_keys() -> None:
    """Proves that a newer record asks for a newer catdog-edge, and does not complain about its new keys."""
    with pytest.raises(BundleError, match=r"version 3 is unknown.*newer one"):
        Preprocessing.from_dict({"version": 3, "crop": "centre"})


@pytest.mark.parametrize(
    "wrong", [{"resize_filter": "box"}, {"background": [1, 2, 3]}, {"width": 0}, {"channels": 1}], ids=str
)
def test_wrong_argument_is_refused_at_once(wrong: dict[str, Any]) -> None:
    """Proves that a record built in code is checked too."""
    with pytest.raises(BundleError, match="out of range"):
        replace(Preprocessing(), **wrong)
