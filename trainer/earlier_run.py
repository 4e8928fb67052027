"""A finished run of the same labels and the same split, whose network another learns from or goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import RunFolderError
from edge_runtime.run_folder import RunFolder, Side, read_run_folder
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.errors import RunError
from trainer.network.architectures import ANY_SIDE, with_side
from trainer.network.saved import load_network

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
    found = _fitting_run(run, dataset)
    architecture = found.run.architecture
    teacher = _network(found)
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
    found = _fitting_run(run, dataset)
    architecture, start = found.run.architecture, _network(found)
    if architecture != config.architecture or [a.shape for a in start.weights] != [b.shape for b in model.weights]:
        raise RunError(
            f"{run}: expected the architecture {config.architecture} for pictures of {config.image_size} pixels, "
            f"received {architecture} for {start.input_shape[1]}."
        )
    model.set_weights(start.get_weights())


def _fitting_run(run: Path, dataset: Dataset) -> RunFolder:
    """Read a run that has the labels of `dataset` and has trained on none of its validation and test pictures."""
    try:
        found = read_run_folder(run)
    except RunFolderError as error:
        raise RunError(str(error)) from error
    labels = found.run.labels
    if labels != dataset.labels:
        raise RunError(
            f"{run}: expected a network of the labels {', '.join(dataset.labels)}, received {', '.join(labels)}."
        )
    trained = {file.sha256 for file in found.splits.on(Side.TRAIN)}
    held_back = [picture for side in (Side.VALIDATION, Side.TEST) for picture in dataset.sides[side]]
    seen = sum(picture.sha256 in trained for picture in held_back)
    if seen:
        raise RunError(
            f"{run}: its network was trained on {seen:,} pictures that are to test or validate the one that learns "
            "from it. Train both with the same data, negatives, seed and fractions."
        )
    return found


def _network(found: RunFolder) -> keras.Model:
    return load_network(found.model_path, compiled=False, advice="Train that run again.")
