"""Labels are read from the command line and from every file that people have, in the order of the outputs."""

import pytest

from exporter.errors import SourceError
from exporter.labels import checked, named_labels, order_line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("0 cat\n1 dog\n", ("cat", "dog")),
        ("1 dog\r\n0 cat\r\n", ("cat", "dog")),
        ("1 cat\n2 dog\n", ("cat", "dog")),
        ("0: red car\n1: blue, dark\n", ("red car", "blue, dark")),
        ("\ufeffcat\n\ndog", ("cat", "dog")),
        ("3 cats\ndog\n", ("3 cats", "dog")),
        ('["cat", "dog"]', ("cat", "dog")),
        ('{"0": "cat", "1": "dog"}', ("cat", "dog")),
        ('{"dog": 1, "cat": 0}', ("cat", "dog")),
        ("crane\nbird\ncrane\n", ("crane", "bird", "crane (2)")),
        ("貓\npes œ\n", ("貓", "pes œ")),
    ],
)
def test_files_of_labels(tmp_path, content, expected):
    """Proves that lines, numbered lines such as Teachable Machine's, and three kinds of JSON are read."""
    path = tmp_path / "labels.txt"
    path.write_text(content, encoding="utf-8")
    assert named_labels(str(path)) == expected


def test_labels_on_the_command_line():
    """Proves that labels with commas between them are taken as they are, in their order."""
    assert named_labels("dog, Cat,neither") == ("dog", "Cat", "neither")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat\n", "expected two or more labels, received cat"),
        ("", "received none"),
        ("0 cat\n2 dog\n", "expected the numbers 0 to 1, each once, received 0, 2"),
        ('{"a": "b"}', "expected a JSON list of labels"),
        ("[1, 2]", "expected a JSON list of labels"),
        ("{", "is no JSON"),
        ("cat\nd\u202eog\n", "control character or a mark of direction"),
    ],
)
def test_files_that_are_none(tmp_path, content, message):
    """Proves that each fault of a file is one line with its name."""
    path = tmp_path / "labels.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=f"labels.txt: .*{message}") as refused:
        named_labels(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["missing.txt", "cat"])
def test_a_missing_file_of_labels(text):
    """Proves that a mistyped file, or one label alone, says both ways to name labels."""
    with pytest.raises(SourceError, match=rf"{text}: no file of labels.*--labels cat,dog"):
        named_labels(text)


def test_the_order_is_one_line():
    """Proves that people see each label's number, and of a thousand labels the first twenty and their number."""
    assert order_line(("cat", "dog")) == "labels in the order of the outputs: 0 cat, 1 dog"
    line = order_line(tuple(f"l{number}" for number in range(1000)))
    assert "19 l19, ... (1,000 in all)" in line
    assert "l20" not in line


def test_an_empty_label_is_refused():
    """Proves that `cat,,dog` is a mistake."""
    with pytest.raises(SourceError, match="two or more labels"):
        checked(("cat", "", "dog"), "--labels")
