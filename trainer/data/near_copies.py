"""Tell people of pictures that are nearly the same where they should not be: under two classes, or on two sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.run_folder import Side
from trainer.data.near_duplicates import close_pairs
from trainer.data.picture import Picture

_LISTED = 1000  # pairs; a fixed camera gives millions


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures that are nearly the same.

    Args:
        count: number of pairs, 0 or more.
        first: the paths of the first thousand.
    """

    count: int = 0
    first: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return its JSON object."""
        return {"count": self.count, "first": list(map(list, self.first))}

    @classmethod
    def from_dict(cls, values: Any) -> Pairs:
        """Make the record from its JSON object; an empty one where there is none."""
        return cls(values["count"], tuple((one, two) for one, two in values["first"])) if values else cls()


@dataclass(frozen=True)
class NearCopies:
    """Pictures that are nearly the same where they should not be.

    Args:
        two_classes: pairs under two classes. One of the two may be filed wrongly, or the classes differ in little.
        two_sides: pairs of one class of which one is on the training side and the other is held back. Only a split
            that people made has them, and one of a fixed camera.
    """

    two_classes: Pairs = Pairs()
    two_sides: Pairs = Pairs()

    def to_extra(self) -> dict[str, Any]:
        """Return what `splits.json` has in `extra`: only the kinds that there are."""
        return {f"near_copies_{key}": pairs.to_dict() for key, pairs in vars(self).items() if pairs.count}

    @classmethod
    def from_extra(cls, extra: dict[str, Any]) -> NearCopies:
        """Make the record from what `splits.json` has in `extra`."""
        return cls(*(Pairs.from_dict(extra.get(f"near_copies_{key}")) for key in ("two_classes", "two_sides")))

    def sentences(self) -> list[str]:
        """Return what people should know, for each kind that there is."""
        lines = []
        for pairs, where, advice in (
            (self.two_classes, "but filed under two classes", "Look whether one is filed wrongly."),
            (self.two_sides, "on two sides of the split", "So the test figures may be too good."),
        ):
            if pairs.count:
                one, two = pairs.first[0]
                many = "pair of pictures is" if pairs.count == 1 else "pairs of pictures are"
                lines.append(f"{pairs.count:,} {many} nearly the same {where}, such as {one} and {two}. {advice}")
        return lines


def near_copies(sides: Mapping[Side, tuple[Picture, ...]]) -> NearCopies:
    """Find the pairs among the pictures of all sides."""
    pictures = [picture for found in sides.values() for picture in found]
    trained = np.repeat([side is Side.TRAIN for side in sides], [len(found) for found in sides.values()])
    labels = np.array([picture.label for picture in pictures], np.intp)
    first, second = close_pairs([picture.difference_hash for picture in pictures])
    once = first < second
    first, second = first[once], second[once]
    differ = labels[first] != labels[second]
    apart = trained[first] != trained[second]

    def pairs(chosen: NDArray[np.bool_]) -> Pairs:
        some = np.flatnonzero(chosen)[:_LISTED]
        return Pairs(int(chosen.sum()), tuple((pictures[first[i]].path, pictures[second[i]].path) for i in some))

    return NearCopies(pairs(differ), pairs(apart & ~differ))
