"""Use the network of an earlier run, as a teacher or as a start. It must have the same labels and split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import RunFolderError
from edge_runtime.run_folder import RunFolder, Side, read_run_folder
from trainer.config import TrainConfig
from trainer.data.dataset import Dataset
from trainer.errors import RunError
from trainer.network.architectures import ANY_SIDE, ARCHITECTURES, with_side
from trainer.network.saved import load_network

if TYPE_CHECKING:
    import keras


def read_teacher(run: Path, dataset: Dataset, config: TrainConfig) -> keras.Model:
    """Return the network of an earlier run as a teacher, for pictures of every side that `config` trains on.

    Args:
        run: the run folder.
        dataset: the pictures of the new training.
        config: the options of the new training.

    Raises:
        RunError: the run cannot be read, has other labels, or takes pictures of another side. Or it was trained on
            pictures that are to validate or test the new network, which would learn about them.

    Source: L. Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", 2022.
        Teacher and new network see the same crop.
    """
    found = _fitting_run(run, dataset)
    architecture = found.run.architecture
    teacher = _network(found)
    if architecture in ANY_SIDE:
        return with_side(teacher, ARCHITECTURES[architecture].build, None)
    if config.any_side or teacher.input_shape[1] != config.image_size:
        raise RunError(
            f"{run}: the teacher takes pictures of {teacher.input_shape[1]} pixels only, this training has other "
            f"sizes. Choose a teacher of the architecture {' or '.join(ANY_SIDE)}, or leave out first_side and "
            "last_side."
        )
    return teacher


def begin_with(model: keras.Model, run: Path, dataset: Dataset, config: TrainConfig) -> None:
    """Give a network the weights of an earlier run. The network is changed.

    Args:
        model: the network to be trained.
        run: the run folder.
        dataset: the pictures of the new training.
        config: the options of the new training.

    Raises:
        RunError: the run cannot be read, or has other labels, another architecture or another side. Or it was
            trained on pictures that are to validate or test the new network.
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
    """Read a run. Refuse other labels than those of `dataset`, and training on its validation or test pictures."""
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
            f"{run}: was trained on {seen:,} pictures that are to validate or test the new network. "
            "Train both with the same data, negatives, seed and fractions."
        )
    return found


def _network(found: RunFolder) -> keras.Model:
    return load_network(found.model_path, compiled=False, advice="Train that run again.")
