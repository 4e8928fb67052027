"""What people see of names, and what scripts get."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.visible_text import exact_bytes, visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31m\x07\x7f\x9b", r"\x1b[31m\x07\x7f\x9b"),
        ("cat\u202egpj.exe\u2066\u200f", r"cat\u202egpj.exe\u2066\u200f"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("\ufeffa\u200bb\xad", r"\ufeffa\u200bb\xad"),
        ("b\udce4r", r"b\udce4r"),
        ("ca\u200dt", r"ca\u200dt"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_has_no_shape_is_an_escape(name: str, shown: str) -> None:
    """Proves that control characters, marks of direction, invisible letters and old bytes are told."""
    assert visible(name) == shown


@pytest.mark.parametrize(
    "name", ["", "cat", "C:\\new", "Käse", "קט", "猫\u3000", "می\u200cخواهم", "👩\u200d👧", "a\u0301"]
)
def test_what_has_a_shape_stays(name: str) -> None:
    """Proves that names of all scripts and emoji stay as they are, with the joiners that their letters need."""
    assert visible(name) == name


@given(st.text())
def test_any_text_is_one_line_of_shapes(name: str) -> None:
    """Proves that a second call changes nothing, and that what is left can be written on one line."""
    shown = visible(name)
    assert visible(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(letter) for letter in shown.replace("\u200c", "").replace("\u200d", "")} & {
        "Cc", "Cf", "Cs", "Zl", "Zp"
    }  # fmt: skip
    shown.encode()


def test_scripts_get_the_bytes_of_a_name() -> None:
    """Proves that a file name of an old disk comes out as on the disk, and half a letter stops nothing."""
    assert exact_bytes(os.fsdecode(b"\xff\xe4.png")) == b"\xff\xe4.png"
    assert exact_bytes("ä\n\x1b") == b"\xc3\xa4\n\x1b"
    assert exact_bytes("a\ud83d") == b"a\\ud83d"
