"""The sample set: cats and dogs drawn by code, to try a training without a download."""

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge_runtime.atomic_folder import rename_folder
from trainer.data.drawing import LABELS, draw
from trainer.errors import ConfigError, DataError

SAMPLE_VERSION = 1
ABOUT_NAME = "ABOUT.txt"
_SIDES_PX = (160, 240)
_JPEG_QUALITY = 90
_FIRST_LINE = "catdog generated sample set"
_OURS = r"ABOUT\.txt|(Cat|Dog)(/\d{4}\.jpg)?"


def write_sample(target: Path, *, count_per_class: int = 400, seed: int = 0) -> Path:
    """Write the sample set as `Cat/0000.jpg`, `Dog/0000.jpg` ... and `ABOUT.txt`, unless it is there already.

    A picture depends on the seed, its label and its number. It does not depend on how many are drawn.

    Args:
        target: folder to write. It may be absent, empty, or a sample set; one that differs is replaced.
        count_per_class: pictures of each class, 1-9999.
        seed: 0 or more.

    Returns:
        `target`.

    Raises:
        ConfigError: a number is out of range.
        DataError: the folder cannot be written, or holds files that are no sample set.
    """
    _require("count_per_class", count_per_class, 1, 9999)
    _require("seed", seed, 0)
    try:
        if not _is_whole(target, count_per_class, seed):
            _refuse_foreign(target)
            _write_whole(target, count_per_class, seed)
    except OSError as error:
        raise DataError(
            f"{target}: the sample set cannot be written there ({error}). "
            "Choose another folder, change its permissions, or free some space."
        ) from error
    return target


def _require(name: str, value: int, least: int, most: int = 2**128) -> None:
    if not least <= value <= most:
        wanted = f"{least} or more" if most == 2**128 else f"{least}-{most}"
        raise ConfigError(f"cannot draw the sample set: expected {name} {wanted}, received {value}. Change {name}.")


def _about(count_per_class: int, seed: int) -> str:
    return (
        f"{_FIRST_LINE}\n\n"
        "This is a sample set: drawings of cats and dogs made by the code of this project.\n"
        "There is no photograph in it. It is for trying out training, export and inference.\n"
        "Numbers measured on it say nothing about the accuracy on photographs.\n\n"
        f"drawing version: {SAMPLE_VERSION}\npictures per class: {count_per_class}\nseed: {seed}\n"
    )


def _about_found(target: Path) -> str:
    about = target / ABOUT_NAME
    return about.read_text(encoding="utf-8", errors="replace") if about.is_file() else ""


def _picture_names(count_per_class: int) -> list[str]:
    return [f"{label.capitalize()}/{i:04d}.jpg" for label in LABELS for i in range(count_per_class)]


def _is_whole(target: Path, count_per_class: int, seed: int) -> bool:
    if _about_found(target) != _about(count_per_class, seed):
        return False
    found = {path.relative_to(target).as_posix() for path in target.glob("*/*") if path.stat().st_size}
    return found == set(_picture_names(count_per_class))


def _refuse_foreign(target: Path) -> None:
    if not target.exists():
        return
    inside = {path.relative_to(target).as_posix() for depth in ("*", "*/*") for path in target.glob(depth)}
    foreign = sorted(name for name in inside if not re.fullmatch(_OURS, name))
    if not target.is_dir():
        received = "a file"
    elif foreign:
        received = f"also {foreign[0]}"
    elif inside and not _about_found(target).startswith(_FIRST_LINE):
        received = f"pictures without its {ABOUT_NAME}"
    else:
        return
    raise DataError(
        f"{target}: the sample set cannot be written there: expected no such folder, an empty one, or only a "
        f"sample set, received {received}. Nothing was changed. Choose another folder, or empty this one."
    )


def _write_whole(target: Path, count_per_class: int, seed: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        fresh = Path(scratch, "fresh")
        for label in LABELS:
            (fresh / label.capitalize()).mkdir(parents=True)
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda name: _write_picture(fresh / name, seed), _picture_names(count_per_class)))
        (fresh / ABOUT_NAME).write_text(_about(count_per_class, seed), encoding="utf-8")
        if target.exists():
            target.rename(Path(scratch, "replaced"))
        rename_folder(fresh, target)


def _write_picture(path: Path, seed: int) -> None:
    label = path.parent.name.lower()
    rng = np.random.default_rng([seed, LABELS.index(label), int(path.stem)])
    width, height = (int(side) for side in rng.integers(_SIDES_PX[0], _SIDES_PX[1] + 1, 2))
    draw(label, rng, width, height).save(path, quality=_JPEG_QUALITY)
