"""A finished run of the same labels and the same split, whose network another learns from or goes on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.folders import RUN
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset, Side
from trainer.errors import RunError
from trainer.network.architectures import ANY_SIDE, with_side

if TYPE_CHECKING:
    import keras


def read_teacher(run: Path, dataset: Dataset, config: TrainConfig) -> keras.Model:
    """Return the network of a run, for pictures of the sides that `config` trains on.

    Args:
        run: the run folder.
        dataset: what its pupil is trained and tested on.
        config: the pupil's options.

    Raises:
        RunError: the run cannot be read, has other labels or takes pictures of another side, or was trained on
            pictures that its pupil is tested on: what it knows of them would reach the pupil.

    Source: L. Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", 2022: pupil and
        teacher see the same crop.
    """
    architecture = _architecture_of(run, dataset)
    teacher = _network(run)
    if architecture in ANY_SIDE:
        return with_side(teacher, architecture, None)
    if config.any_side or teacher.input_shape[1] != config.image_size:
        raise RunError(
            f"{run}: the teacher takes pictures of {teacher.input_shape[1]} pixels only, its pupil is trained on "
            f"others. Choose a teacher of {' or '.join(ANY_SIDE)}, or leave first_side and last_side out."
        )
    return teacher


def begin_with(model: keras.Model, run: Path, dataset: Dataset, config: TrainConfig) -> None:
    """Give a network, in place, the weights of an earlier run.

    Args:
        model: the network that is to be trained.
        run: the run folder.
        dataset: what it is trained and tested on.
        config: its options.

    Raises:
        RunError: the run cannot be read, has other labels, architecture or side, or was trained on pictures that
            are to test what comes of it.
    """
    architecture = _architecture_of(run, dataset)
    start = _network(run)
    if architecture != config.architecture or [a.shape for a in start.weights] != [b.shape for b in model.weights]:
        raise RunError(
            f"{run}: expected the architecture {config.architecture} for pictures of {config.image_size} pixels, "
            f"received {architecture} for {start.input_shape[1]}."
        )
    model.set_weights(start.get_weights())


def _architecture_of(run: Path, dataset: Dataset) -> str:
    """Return the architecture of a run, after seeing that it has the labels and the split of `dataset`."""
    try:
        facts = json.loads((run / RUN).read_text(encoding="utf-8"))
        files = json.loads((run / "splits.json").read_text(encoding="utf-8"))["files"]
        labels, architecture = tuple(facts["labels"]), str(facts["architecture"])
        trained = {file["sha256"] for file in files if file["side"] == Side.TRAIN}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{run}: not a run to learn from ({error}). Name a folder of catdog-train.") from error
    if labels != dataset.labels:
        raise RunError(
            f"{run}: expected a network of the labels {', '.join(dataset.labels)}, received {', '.join(labels)}."
        )
    held_back = [picture for side in (Side.VALIDATION, Side.TEST) for picture in dataset.sides[side]]
    seen = sum(picture.sha256 in trained for picture in held_back)
    if seen:
        raise RunError(
            f"{run}: its network was trained on {seen:,} pictures that are to test or validate the one that learns "
            "from it. Train both with the same data, negatives, seed and fractions."
        )
    return architecture


def _network(run: Path) -> keras.Model:
    import keras

    try:
        return keras.saving.load_model(run / "model.keras", compile=False)
    except Exception as error:  # damaged archives raise almost anything (BadZipFile, KeyError, OSError, ...)
        raise RunError(f"{run / 'model.keras'}: cannot be read ({error}). Train that run again.") from error
