"""Choose the pictures of each class and deal them to train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.near_duplicates import MAX_DISTANCE
from edge_runtime.run_folder import Side
from trainer.data.balance import Balance
from trainer.data.near_duplicates import group_near_duplicates
from trainer.data.picture import Picture
from trainer.errors import DataError
from trainer.random_streams import Stream

# With fewer pictures a class cannot be on every side of the split.
MIN_PER_CLASS = 10
HELD_BACK = (Side.TEST, Side.VALIDATION)
# Bits in which near-duplicates differ, tried in turn: the pictures of a fixed camera are all nearly the same.
_DISTANCES = (MAX_DISTANCE, 6, 3, 0)

Sides = dict[Side, tuple[Picture, ...]]


@dataclass(frozen=True)
class SplitPlan:
    """How to choose and split the pictures.

    Args:
        seed: seed of the choice and of the split.
        limit_per_class: use at most so many pictures of each class; 0 for all.
        validation_fraction: share of the pictures in validation, 0-1.
        test_fraction: share of the pictures in test, 0-1.
        balance: what is done about classes of different size.
    """

    seed: int
    limit_per_class: int
    validation_fraction: float
    test_fraction: float
    balance: Balance = Balance.UNDERSAMPLE

    def share(self, side: Side) -> float:
        """Return the share of the pictures that validation or test gets, 0-1."""
        return self.test_fraction if side is Side.TEST else self.validation_fraction


class Dealt(NamedTuple):
    """Pictures dealt to the sides.

    Attributes:
        sides: the pictures of each side.
        surplus: pictures over the number of pictures per class.
        notes: what people should know of the split, a sentence each.
    """

    sides: Sides
    surplus: tuple[Picture, ...]
    notes: tuple[str, ...]


def deal(pictures: list[Picture], labels: tuple[str, ...], plan: SplitPlan, where: str) -> Dealt:
    """Choose pictures and deal them to the three sides. Near-duplicates of a class stay on one side.

    Args:
        pictures: the usable pictures.
        labels: the names of the labels.
        plan: how to choose and split.
        where: the data folder; errors name it.

    Raises:
        DataError: a class has too few pictures, or too few different ones.
    """
    _refuse_small_classes(pictures, labels, where)
    kept, surplus = choose(pictures, plan)
    sides, distances = _split_apart([pictures[index] for index in kept], len(labels), plan, HELD_BACK)
    _refuse_empty_sides(sides, labels, where)
    notes = (*_of_sizes(pictures, labels, plan), *_of_one_scene(distances, labels))
    return Dealt(sides, tuple(pictures[index] for index in surplus), notes)


def deal_given(
    pictures: list[Picture], given: Mapping[str, Side], labels: tuple[str, ...], plan: SplitPlan, where: str
) -> Dealt:
    """Keep the split that people made. A side that they did not make is dealt from the training side.

    Pictures over the number per class are taken off each side; undersampling is for training alone.

    Args:
        pictures: the usable pictures.
        given: the side of each, by its path.
        labels: the names of the labels.
        plan: how to choose, and how large a missing side is.
        where: the data folder; errors name it.

    Raises:
        DataError: there is no training side, or it lacks a class; or a class has too few pictures.
    """
    _refuse_small_classes(pictures, labels, where)
    sides: dict[Side, list[Picture]] = {side: [] for side in Side}
    for picture in pictures:
        sides[given[picture.path]].append(picture)
    surplus: list[Picture] = []
    for side, found in sides.items():
        balance = plan.balance if side is Side.TRAIN else Balance.NONE
        kept, over = choose(found, plan, balance=balance)
        surplus += [found[index] for index in over]
        sides[side] = [found[index] for index in kept]
    _refuse_untrained(sides[Side.TRAIN], labels, where)
    missing = tuple(side for side in HELD_BACK if not sides[side])
    fresh, distances = _split_apart(sides[Side.TRAIN], len(labels), plan, missing)
    whole = {side: tuple(fresh[side]) if side in (Side.TRAIN, *missing) else tuple(sides[side]) for side in Side}
    if missing:
        _refuse_empty_sides({side: whole[side] for side in (Side.TRAIN, *missing)}, labels, where)
    scene = _of_one_scene(distances, labels) if missing else ()
    trained = [picture for picture in pictures if given[picture.path] is Side.TRAIN]
    notes = (*_about_given(whole, missing, labels), *_of_sizes(trained, labels, plan), *scene)
    return Dealt(whole, tuple(surplus), notes)


def choose(
    pictures: list[Picture], plan: SplitPlan, *, balance: Balance | None = None
) -> tuple[list[int], list[int]]:
    """Return the indices of the pictures to use and of those over the number per class.

    Args:
        pictures: the pictures.
        plan: the limit, the balance and the seed.
        balance: instead of that of the plan.
    """
    counts = Counter(picture.label for picture in pictures)
    most = max(plan.limit_per_class, MIN_PER_CLASS) if plan.limit_per_class else len(pictures)
    if (balance or plan.balance) is Balance.UNDERSAMPLE:
        most = min([most, *counts.values()])
    order = Stream.BALANCE.generator(plan.seed).permutation(len(pictures))
    kept: list[int] = []
    surplus: list[int] = []
    taken: Counter[int] = Counter()
    for index in map(int, order):
        label = pictures[index].label
        (kept if taken[label] < most else surplus).append(index)
        taken[label] += 1
    return sorted(kept), sorted(surplus)


def split(
    pictures: list[Picture], groups: NDArray[np.intp], plan: SplitPlan, held_back: tuple[Side, ...] = HELD_BACK
) -> Sides:
    """Deal whole groups of near-duplicates to the sides, so that each class has the planned shares.

    Args:
        pictures: the pictures.
        groups: the number of each picture's group, `int (pictures,)`.
        plan: the seed and the shares.
        held_back: the sides to deal to beside training.
    """
    total = Counter(picture.label for picture in pictures)
    room = {(side, label): _planned(plan, side, total[label]) for side in held_back for label in total}
    members: dict[int, list[Picture]] = {}
    for index in Stream.SPLIT.generator(plan.seed).permutation(len(pictures)):
        members.setdefault(int(groups[index]), []).append(pictures[index])
    sides: dict[Side, list[Picture]] = {side: [] for side in Side}
    for group in members.values():
        side = _side_with_room(group, room, held_back)
        sides[side] += group
        for picture in group:
            if side != Side.TRAIN:
                room[side, picture.label] -= 1
    return {side: tuple(sorted(chosen, key=lambda picture: picture.path)) for side, chosen in sides.items()}


def _split_apart(
    pictures: list[Picture], labels: int, plan: SplitPlan, held_back: tuple[Side, ...]
) -> tuple[Sides, dict[int, int]]:
    """Split the pictures; return the sides, and the bits in which near-duplicates of each class differ.

    A class whose pictures are all nearly the same, as from a fixed camera, would be on one side alone. There only
    pictures that are alike in more bits stay together.
    """
    classes = np.array([picture.label for picture in pictures], np.intp)
    hashes = [picture.difference_hash for picture in pictures]
    distances = dict.fromkeys(range(labels), MAX_DISTANCE)
    groups = group_near_duplicates(hashes, classes)
    sides = split(pictures, groups, plan, held_back)
    for distance in _DISTANCES[1:]:
        lacking = _lacking(sides, classes, plan, held_back)
        if not lacking:
            break
        finer = group_near_duplicates(hashes, classes, max_distance=distance) + len(pictures)
        groups = np.where(np.isin(classes, lacking), finer, groups)
        sides = split(pictures, groups, plan, held_back)
        distances |= dict.fromkeys(lacking, distance)
    return sides, distances


def _lacking(sides: Sides, classes: NDArray[np.intp], plan: SplitPlan, held_back: tuple[Side, ...]) -> list[int]:
    """Return the classes that have less than half of their planned pictures on a side."""
    found = []
    for label, total in Counter(classes.tolist()).items():
        for side in held_back:
            there = sum(picture.label == label for picture in sides[side])
            if 2 * there < _planned(plan, side, total):
                found.append(label)
                break
    return found


def _planned(plan: SplitPlan, side: Side, total: int) -> int:
    return max(1, round(plan.share(side) * total))


def _side_with_room(group: list[Picture], room: dict[tuple[Side, int], int], held_back: tuple[Side, ...]) -> Side:
    needed = Counter(picture.label for picture in group)
    for side in held_back:
        if all(room[side, label] >= count for label, count in needed.items()):
            return side
    return Side.TRAIN


def _refuse_small_classes(pictures: list[Picture], labels: tuple[str, ...], where: str) -> None:
    counts = Counter(picture.label for picture in pictures)
    for label, name in enumerate(labels):
        if counts[label] < MIN_PER_CLASS:
            raise DataError(
                f"{where}: class {name} has {counts[label]} usable pictures, expected at least {MIN_PER_CLASS}. "
                "Add pictures. Copies and files that are no pictures do not count."
            )


def _refuse_empty_sides(sides: Mapping[Side, tuple[Picture, ...]], labels: tuple[str, ...], where: str) -> None:
    for side, pictures in sides.items():
        absent = set(range(len(labels))) - {picture.label for picture in pictures}
        if absent:
            raise DataError(
                f"{where}: class {labels[min(absent)]} has too few different pictures: none is left for {side}, "
                "because near-duplicates stay on one side of the split. Add pictures that differ more."
            )


def _refuse_untrained(pictures: list[Picture], labels: tuple[str, ...], where: str) -> None:
    absent = [name for label, name in enumerate(labels) if label not in {picture.label for picture in pictures}]
    if absent:
        raise DataError(
            f"{where}: the training side of the split has no picture of class {', '.join(absent)}. Add some to it, "
            "or move all pictures into one folder for each class."
        )


def _of_sizes(pictures: list[Picture], labels: tuple[str, ...], plan: SplitPlan) -> tuple[str, ...]:
    """Say what is done about classes of which one has twice as many pictures as another, or more."""
    counts = Counter(picture.label for picture in pictures).most_common()
    (largest, most), (smallest, least) = counts[0], counts[-1]
    if most < 2 * least:
        return ()
    what = {
        Balance.WEIGHTS: "Pictures of small classes count for more.",
        Balance.UNDERSAMPLE: "Pictures of the larger classes are left out.",
        Balance.NONE: "Nothing is done about it.",
    }[plan.balance]
    return (
        f"The classes have from {least:,} ({labels[smallest]}) to {most:,} pictures ({labels[largest]}). {what} "
        "Choose with --balance.",
    )


def _of_one_scene(distances: dict[int, int], labels: tuple[str, ...]) -> tuple[str, ...]:
    alike = [labels[label] for label, distance in distances.items() if distance < MAX_DISTANCE]
    if not alike:
        return ()
    return (
        f"The pictures of {', '.join(alike)} are nearly all the same, as those of a fixed camera are. So near "
        "copies of test pictures are in training, and the test figures say nothing about other scenes.",
    )


def _about_given(sides: Sides, missing: tuple[Side, ...], labels: tuple[str, ...]) -> list[str]:
    notes = [f"There was no {side} side, so it was dealt from the training side." for side in missing]
    for side in HELD_BACK:
        there = {picture.label for picture in sides[side]}
        absent = [name for label, name in enumerate(labels) if label not in there]
        if absent:
            notes.append(f"The {side} side has no picture of {', '.join(absent)}.")
    return ["The split is the one that was there.", *notes]
