"""The options of a training run, from a TOML file and the command line."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from edge_runtime.atomic_file import write_whole
from trainer.data.balance import Balance
from trainer.errors import ConfigError
from trainer.network.optimizers import OPTIMIZERS, SCHEDULES

SAMPLE, MICROSOFT = "sample", "microsoft"  # data sets that need no folder


@dataclass(frozen=True)
class TrainConfig:
    """The options of a training run. They are the keys of a recipe file; many are also command-line flags.

    Args:
        data: a folder with one sub-folder per class, or `sample` (drawn here), or `microsoft` (downloaded).
        negatives: a folder of pictures that show none of the classes, one sub-folder per kind; empty for none. It
            adds the class `neither`. Some kinds are used for validation and test only. Training adds negatives that
            are drawn by code.
        architecture: a key of `trainer.network.architectures.ARCHITECTURES`.
        image_size: side of the square input in pixels, 32-512.
        epochs: passes over the training split, 1 or more.
        batch_size: pictures per step, 1 or more.
        optimizer: `adam`, `sgd` (with Nesterov momentum 0.9) or `muon`. For networks of convolutions `muon`
            needs the fewest pictures.
        learning_rate: step size, above 0; with a schedule the largest one.
        schedule: `constant`, or `cosine`: rise over the first twentieth of the steps, then fall to zero.
        weight_decay: share of each weight, times the step size, that each step takes off, 0-1; 0 for none.
        label_smoothing: share of each answer that is spread over all classes, 0-0.5. It is not used with a teacher,
            because its scores are smooth already.
        weight_averaging: decay per step of the moving average of the weights, 0 to below 1. The average is the
            result; 0 takes the last weights.
        first_side: side of the training pictures in the first epochs, pixels; 0 for `last_side`. It grows to
            `last_side` in four stages.
        last_side: side of the training pictures in the last epochs, pixels; 0 for `image_size`.
        source_side: side of the pictures that random crops are cut from, pixels; 0 for `image_size`. With a larger
            one a crop is as sharp as a whole picture.
        cutmix: share of the batches in which a part of each picture is replaced by a part of another, 0-1.
        start: a finished run folder; training begins with the weights of its network. It must have the same
            architecture, labels and split. Empty for a new network.
        head_only: train the last layer alone and keep the pretrained ones as they are. Only with an architecture
            that has pretrained weights.
        teacher: a finished run folder; its scores are learnt beside the labels. It must have the same labels and
            split. Empty for none.
        teacher_share: how much the teacher's scores count against the labels, 0-1.
        mixed_bfloat16: compute in bfloat16. It is faster on GPUs and on processors with AMX or AVX-512 BF16.
        clean_labels: once, after two thirds of the epochs, leave out pictures that are probably labelled wrong:
            those whose label gets a score below 0.1. Negatives are never left out.
        seed: seed of everything random: split, order, augmentation, weights and dropout.
        augment: crop, flip, colour, turn, shrink, blur, spoil and compress training pictures at random.
        early_stopping: stop after so many epochs without a lower validation loss; 0 for never.
        keep_best: keep the epoch of the lowest validation loss; otherwise the last one.
        split: a CSV file with the columns `path` and `side`, which says on which side of the split each picture is;
            empty for none.
        balance: what is done about classes of different size. With `weights` a picture of a small class counts for
            more, with `undersample` pictures of the larger classes are left out, with `none` nothing is done.
        limit_per_class: use at most so many pictures of each class; 0 for all.
        validation_fraction: share of the pictures used to choose the best epoch, 0.01-0.4.
        test_fraction: share of the pictures held back for the final figures, 0.01-0.4.
        tensorboard: also write a TensorBoard log into the run folder.
    """

    data: str = SAMPLE
    negatives: str = ""
    architecture: str = "report"
    image_size: int = 128
    epochs: int = 10
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    weight_averaging: float = 0.0
    first_side: int = 0
    last_side: int = 0
    source_side: int = 0
    cutmix: float = 0.0
    start: str = ""
    head_only: bool = False
    teacher: str = ""
    teacher_share: float = 0.75
    mixed_bfloat16: bool = False
    clean_labels: bool = False
    seed: int = 0
    augment: bool = False
    early_stopping: int = 0
    keep_best: bool = True
    split: str = ""
    balance: str = Balance.WEIGHTS.value
    limit_per_class: int = 0
    validation_fraction: float = 0.1
    test_fraction: float = 0.2
    tensorboard: bool = False

    def __post_init__(self) -> None:
        """Check types and ranges.

        Raises:
            ConfigError: names the option, what was expected and what was received.
        """
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), type(field.default))
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"option {name}: expected {low} to {high}, received {value}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"option {name}: expected {' or '.join(choices)}, received {getattr(self, name)!r}"
                )

    @property
    def is_sample(self) -> bool:
        """Whether the pictures are drawings made by our own code."""
        return self.data == SAMPLE

    @property
    def any_side(self) -> bool:
        """Whether training pictures ever have another side than the network's input."""
        return any(side not in (0, self.image_size) for side in (self.first_side, self.last_side))

    def side(self, epoch: int) -> int:
        """Return the side of the training pictures in an epoch, pixels; epochs count from 0."""
        last = self.last_side or self.image_size
        first = self.first_side or last
        stage = min(_STAGES - 1, epoch * _STAGES // self.epochs)
        return round((first + (last - first) * stage / (_STAGES - 1)) / 16) * 16 if first != last else last

    def with_absolute_paths(self) -> TrainConfig:
        """Return the same options with paths that hold in every working folder."""
        named = {name: getattr(self, name) for name in _PATHS}
        if self.data in (SAMPLE, MICROSOFT):
            del named["data"]
        return replace(self, **{name: os.path.abspath(path) for name, path in named.items() if path})

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return asdict(self)


_PATHS = ("data", "split", "negatives", "start", "teacher")
_STAGES = 4  # of progressive resolution
_CHOICES = {"optimizer": tuple(OPTIMIZERS), "schedule": tuple(SCHEDULES), "balance": tuple(map(str, Balance))}
_RANGES = (
    ("weight_decay", 0.0, 1.0),
    ("label_smoothing", 0.0, 0.5),
    ("weight_averaging", 0.0, 0.99999),
    ("first_side", 0, 512),
    ("last_side", 0, 512),
    ("source_side", 0, 1024),
    ("cutmix", 0.0, 1.0),
    ("teacher_share", 0.0, 1.0),
    ("image_size", 32, 512),
    ("epochs", 1, 10_000),
    ("batch_size", 1, 4096),
    ("learning_rate", 1e-8, 10.0),
    ("seed", 0, 2**31 - 1),
    ("early_stopping", 0, 10_000),
    ("limit_per_class", 0, 10**9),
    ("validation_fraction", 0.01, 0.4),
    ("test_fraction", 0.01, 0.4),
)


def read_config(path: Path | None, overrides: dict[str, Any]) -> TrainConfig:
    """Return the options of a run: defaults, then what a TOML file says, then `overrides`.

    Args:
        path: the TOML file; None for none.
        overrides: options that win over the file, by name.

    Raises:
        ConfigError: the file cannot be read or holds no option, or an option is unknown or out of range.
    """
    values = _read_toml(path) if path else {}
    if path and not values:  # what a power cut may leave; the defaults would train on drawings
        raise ConfigError(f"{path}: expected at least one option, found none. Write one, or name another file.")
    known = [field.name for field in fields(TrainConfig)]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known options: {', '.join(known)}"
            raise ConfigError(f"{path}: unknown option {name!r}; {hint}")
    try:
        config = replace(TrainConfig(), **values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return replace(config, **overrides)


def write_config(path: Path, config: TrainConfig) -> None:
    """Write a TOML file that `read_config` reads back to the same config."""
    lines = ["# Train the same again: catdog-train --config config.toml"]
    for name, value in config.to_dict().items():
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        lines.append(f"{name} = {_toml_string(value) if isinstance(value, str) else text}")
    write_whole(path, ("\n".join(lines) + "\n").encode())


def _toml_string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON leaves DEL as it is


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML ({error}). Name another file with --config.") from error


def _check_type(name: str, value: Any, wanted: type) -> None:
    accepted = (int, float) if wanted is float else wanted
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"option {name}: expected {wanted.__name__}, received {value!r}")
