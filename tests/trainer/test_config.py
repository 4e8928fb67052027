"""Training options: the same from file and flags, and refused with a reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from trainer.config import TrainConfig, read_config, write_config
from trainer.errors import ConfigError

REPORT = Path(__file__).parents[2] / "trainer" / "recipes" / "report.toml"


@pytest.mark.parametrize(
    "data",
    [
        "sample",
        "",
        'my "best" cats',
        r"C:\Users\new\table",
        "trailing\\",
        "Kätzchen/猫/🐈",
        "two\nlines\r\tand a tab",
        "bell\x07 escape\x1b delete\x7f",
        "# no comment",
        "'single'",
    ],
)
def test_any_string_survives_the_file(tmp_path: Path, data: str) -> None:
    """Proves that quotes, backslashes, control characters and any alphabet come back as written."""
    path = tmp_path / "config.toml"
    write_config(path, TrainConfig(data=data))
    assert read_config(path, {}) == TrainConfig(data=data)


def test_every_option_survives_the_file(tmp_path: Path) -> None:
    """Proves that a config with no default left is read back equal, tiny floats and booleans included."""
    config = TrainConfig(
        "x", "y", "compact", 64, 3, 7, "sgd", 1e-7, "cosine", 1e-9, 0.2, 0.999, 48, 96, 160, 0.4,
        "runs/s", "runs/t", 0.5, True, True, 2**31 - 1, True, 4, False, "s.csv", "none", 11, 0.15, 0.25, True,
    )  # fmt: skip
    path = tmp_path / "config.toml"
    write_config(path, config)
    assert read_config(path, {}) == config
    assert not any(getattr(TrainConfig(), name) == value for name, value in config.to_dict().items())


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("learning-rate = 0.1", "did you mean learning_rate?"),
        ("epoch = 3", "did you mean epochs?"),
        ("x = 1", "known options: data, "),
    ],
)
def test_unknown_option_is_an_error(tmp_path: Path, line: str, hint: str) -> None:
    """Proves that a misspelt key is refused, with the file and the close name in the message."""
    path = tmp_path / "wrong.toml"
    path.write_text(line)
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    assert str(path) in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", True),
        ("epochs", 3.0),
        ("epochs", "3"),
        ("learning_rate", "0.1"),
        ("learning_rate", False),
        ("augment", 1),
        ("data", 5),
        ("tensorboard", "yes"),
    ],
)
def test_wrong_type_is_an_error(name: str, value: object) -> None:
    """Proves that a value of another type is refused by name, booleans for numbers included."""
    with pytest.raises(ConfigError, match=f"option {name}: expected .*received {value!r}"):
        read_config(None, {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 31),
        ("image_size", 513),
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("seed", -1),
        ("early_stopping", -1),
        ("limit_per_class", -1),
        ("validation_fraction", 0.0),
        ("test_fraction", 0.5),
    ],
)
def test_out_of_range_is_an_error(name: str, value: float) -> None:
    """Proves that a value out of range is refused by name, with the range and what was received."""
    with pytest.raises(ConfigError, match=f"option {name}: expected .* to .*, received {value}"):
        TrainConfig(**{name: value})


def test_flags_win_over_file_and_file_over_defaults(tmp_path: Path) -> None:
    """Proves that a flag wins over the file, and the file over the defaults."""
    path = tmp_path / "c.toml"
    path.write_text("epochs = 3\nbatch_size = 8\naugment = true\n")
    config = read_config(path, {"epochs": 5, "augment": False})
    assert config == TrainConfig(epochs=5, batch_size=8, augment=False)


def test_error_names_the_file_only_when_the_file_is_wrong(tmp_path: Path) -> None:
    """Proves that a bad value in the file is blamed on the file, and a bad flag is not."""
    path = tmp_path / "c.toml"
    path.write_text("epochs = 0\n")
    with pytest.raises(ConfigError, match=r"c\.toml: option epochs"):
        read_config(path, {})
    path.write_text("epochs = 1\n")
    with pytest.raises(ConfigError, match=r"^option epochs"):
        read_config(path, {"epochs": 0})


def test_int_stands_for_float() -> None:
    """Proves that a whole number may be written without its point."""
    assert read_config(None, {"learning_rate": 1}) == TrainConfig(learning_rate=1.0)


@pytest.mark.parametrize("content", [b"epochs = = 3", b"data = \xff", None])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Proves that an absent file, bad TOML and bad UTF-8 give one error naming the file."""
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.toml: cannot be read as TOML"):
        read_config(path, {})


def test_report_recipe() -> None:
    """Proves that the recipe in the repository is the 2023 report's: its data, split, optimiser step and length."""
    expected = TrainConfig(
        architecture="report",
        image_size=128,
        epochs=10,
        batch_size=32,
        learning_rate=0.001,
        augment=False,
        limit_per_class=5843,
        balance="undersample",
        keep_best=False,
        validation_fraction=0.1,
        test_fraction=0.25,
    )
    assert read_config(REPORT, {}) == expected
    assert read_config(REPORT, {"data": "x", "seed": 1}) == replace(expected, data="x", seed=1)


def test_compact_recipe() -> None:
    """Proves that the recipe in the repository can be read and trains ever larger pictures, up to its last side."""
    config = read_config(REPORT.with_name("compact.toml"), {})
    sides = [config.side(epoch) for epoch in range(config.epochs)]
    assert (sides[0], sides[-1]) == (config.first_side, config.last_side)
    assert sides == sorted(sides)
    assert len(set(sides)) > 2
    assert config.any_side


def test_one_side_by_default() -> None:
    """Proves that training pictures are of the input's side unless the recipe says otherwise."""
    config = TrainConfig(image_size=96, epochs=7)
    assert {config.side(epoch) for epoch in range(7)} == {96}
    assert not config.any_side


@pytest.mark.parametrize(("name", "value"), [("optimizer", "adamw"), ("schedule", "linear")])
def test_unknown_choice_is_an_error(name: str, value: str) -> None:
    """Proves that a word that is no choice is refused with those that are."""
    with pytest.raises(ConfigError, match=f"option {name}: expected .* or .*, received '{value}'"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n"])
def test_a_file_without_options_is_refused(tmp_path: Path, text: str) -> None:
    """Proves that what a power cut may leave of a config does not train the defaults on drawings in silence."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="expected at least one option, found none"):
        read_config(path, {})
