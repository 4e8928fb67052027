"""Everything that decides how a run turns out, from a TOML file and the command line."""

from __future__ import annotations

import difflib
import json
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError
from trainer.network.optimizers import OPTIMIZERS, SCHEDULES


@dataclass(frozen=True)
class TrainConfig:
    """Options of a training run: the keys of a recipe file; those changed often are also command-line flags.

    Args:
        data: a folder with one sub-folder per class, or `sample` (drawn here), or `microsoft` (downloaded).
        negatives: a folder of pictures of none of the classes, one sub-folder per kind; adds a class `neither`.
            Some kinds are kept whole for validation and test; negatives drawn by code are trained on beside them.
        architecture: a key of `trainer.network.architectures.ARCHITECTURES`.
        image_size: side of the square input in pixels, 32-512.
        epochs: passes over the training split, 1 or more.
        batch_size: pictures a step, 1 or more.
        optimizer: `adam`, `sgd` with Nesterov momentum 0.9, or `muon`, which learns from the fewest pictures
            where most weights are convolutions.
        learning_rate: step size, the largest of a schedule, above 0.
        schedule: `constant`, or `cosine` to zero after a warm-up over the first twentieth.
        weight_decay: share of each weight, in learning rates, taken off at each step; 0 for none.
        label_smoothing: share of each target spread over all classes, 0-0.5; none with a teacher, whose scores
            are smooth.
        weight_averaging: decay a step of the moving average of the weights that is the result; 0 takes the last.
        first_side: side of the pictures trained on in the first epochs, pixels, growing in four stages to
            `last_side`; 0 trains at `image_size` throughout.
        last_side: side of the pictures trained on in the last epochs, pixels; 0 for `image_size`.
        source_side: side of the pictures that random crops are cut from, pixels; 0 for `image_size`. Larger ones
            keep crops as sharp as whole pictures are.
        cutmix: share of the batches in which a part of each picture is that of another, 0-1.
        start: a finished run folder whose network, of the same architecture, labels and split, is trained on; a
            new network if empty.
        teacher: a finished run folder whose network, of the same labels and split, is learnt from; none if empty.
        teacher_share: share of the teacher's scores in the targets, against the labels, 0-1.
        mixed_bfloat16: compute in bfloat16, which pays on processors with AMX or AVX-512 BF16 and on GPUs.
        clean_labels: once, after two thirds of the epochs, leave out pictures of classes whose label the network
            gives less than 0.1.
        seed: seed of split, order, augmentation, weights and dropout.
        augment: crop, flip, colour, turn, shrink, blur, spoil and compress at random.
        early_stopping: stop after so many epochs without a lower validation loss; 0 never stops.
        keep_best: keep the epoch of the lowest validation loss; otherwise the last.
        limit_per_class: use at most so many pictures of each class; 0 uses all.
        validation_fraction: share of the pictures that chooses the epoch to keep, 0.01-0.4.
        test_fraction: share of the pictures held back for the final figures, 0.01-0.4.
        tensorboard: also write a TensorBoard log into the run folder.
    """

    data: str = "sample"
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
    teacher: str = ""
    teacher_share: float = 0.75
    mixed_bfloat16: bool = False
    clean_labels: bool = False
    seed: int = 0
    augment: bool = False
    early_stopping: int = 0
    keep_best: bool = True
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
    def any_side(self) -> bool:
        """Whether the network is trained at other sides than that of its input."""
        return any(side not in (0, self.image_size) for side in (self.first_side, self.last_side))

    def side(self, epoch: int) -> int:
        """Return the side of the pictures trained on in an epoch, from 0, pixels."""
        last = self.last_side or self.image_size
        first = self.first_side or last
        stage = min(_STAGES - 1, epoch * _STAGES // self.epochs)
        return round((first + (last - first) * stage / (_STAGES - 1)) / 16) * 16 if first != last else last

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return asdict(self)


_STAGES = 4  # of progressive resolution
_CHOICES = {"optimizer": tuple(OPTIMIZERS), "schedule": tuple(SCHEDULES)}
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
    """Return the defaults, overridden by a TOML file, overridden by the options that are not None.

    Raises:
        ConfigError: the file cannot be read, or an option is unknown or out of range.
    """
    values = _read_toml(path) if path else {}
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
    return replace(config, **{name: value for name, value in overrides.items() if value is not None})


def write_config(path: Path, config: TrainConfig) -> None:
    """Write a TOML file that `read_config` reads back to the same config."""
    lines = ["# Train the same again: catdog-train --config config.toml"]
    for name, value in config.to_dict().items():
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        lines.append(f"{name} = {_toml_string(value) if isinstance(value, str) else text}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml_string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON leaves DEL as it is


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML ({error})") from error


def _check_type(name: str, value: Any, wanted: type) -> None:
    accepted = (int, float) if wanted is float else wanted
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"option {name}: expected {wanted.__name__}, received {value!r}")
