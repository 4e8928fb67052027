"""Groups of near-duplicates against hand-made hashes and a plain double loop."""

import numpy as np
import pytest

from edge_runtime.picture.near_duplicates import MAX_DISTANCE
from trainer.data.near_duplicates import group_near_duplicates


def flip(value: int, bits: int, first: int = 0) -> int:
    """Return the value with `bits` of its bits changed, from bit `first` on."""
    return value ^ (((1 << bits) - 1) << first)


def as_hex(values: list[int]) -> list[str]:
    return [f"{value:064x}" for value in values]


def random_value(seed: int) -> int:
    return int.from_bytes(np.random.default_rng(seed).bytes(32), "big")


def groups_by_hand(values: list[int], distance: int) -> list[int]:
    """Number the groups by spreading the smallest number along every close pair until nothing changes."""
    groups = list(range(len(values)))
    close = [
        (i, j) for i in range(len(values)) for j in range(i) if (values[i] ^ values[j]).bit_count() <= distance
    ]
    changed = True
    while changed:
        changed = False
        for i, j in close:
            if groups[i] != groups[j]:
                groups[i] = groups[j] = min(groups[i], groups[j])
                changed = True
    return groups


def as_partition(groups: object) -> set[frozenset[int]]:
    members: dict[int, set[int]] = {}
    for index, group in enumerate(groups):  # type: ignore[arg-type]
        members.setdefault(int(group), set()).add(index)
    return {frozenset(group) for group in members.values()}


def test_none() -> None:
    """Proves that no pictures are no groups."""
    assert group_near_duplicates([]).shape == (0,)


def test_one() -> None:
    """Proves that one picture is one group."""
    assert group_near_duplicates(as_hex([5])).tolist() == [0]


@pytest.mark.parametrize("first", [0, 60, 120, 246])
@pytest.mark.parametrize(("bits", "same"), [(0, True), (1, True), (10, True), (11, False), (200, False)])
def test_distance_decides(bits: int, same: bool, first: int) -> None:
    """Proves that up to 10 differing bits make a near-duplicate and 11 do not, wherever the bits lie."""
    value = random_value(1)
    other = flip(value, bits, first if first + bits <= 256 else 256 - bits)
    a, b = group_near_duplicates(as_hex([value, other]))
    assert bool(a == b) is same


def test_chains_hold_together() -> None:
    """Proves that pictures far from each other share a group when others link them, whatever the order."""
    start = random_value(2)
    chain = [flip(start, MAX_DISTANCE * step) for step in range(6)]
    groups = group_near_duplicates(as_hex([chain[index] for index in (5, 0, 3, 1, 4, 2)]))
    assert len(set(groups.tolist())) == 1
    broken = group_near_duplicates(as_hex(chain[:2] + chain[4:]))
    assert as_partition(broken) == {frozenset({0, 1}), frozenset({2, 3})}


def test_same_as_a_double_loop_over_the_chunk_boundary() -> None:
    """Proves the groups of 700 hashes, with planted relatives across row 512, to be those of a double loop."""
    generator = np.random.default_rng(3)
    values = [random_value(100 + index) for index in range(500)]
    for index in range(200):  # relatives of earlier ones, at distances around the limit
        values.append(flip(values[int(generator.integers(len(values)))], int(generator.integers(6, 15)), index))
    order = generator.permutation(len(values))
    values = [values[index] for index in order]
    groups = group_near_duplicates(as_hex(values))
    assert as_partition(groups) == as_partition(groups_by_hand(values, MAX_DISTANCE))
    assert len(set(groups.tolist())) < len(values)


def test_distance_can_be_chosen() -> None:
    """Proves that the limit is the caller's."""
    value = random_value(4)
    a, b = group_near_duplicates(as_hex([value, flip(value, 4)]), max_distance=3)
    assert a != b
