"""Several labels at once over time: each comes and goes by its own threshold."""

from edge_runtime.camera.several import SeveralSmoother


def told(frames: list[tuple[float, float]], half_life_s: float = 0.0) -> list[tuple[str, bool, bool]]:
    """Return label, confidence and change for frames of a cat's and a dog's score, a second apart."""
    smoother = SeveralSmoother({"cat": 0.5, "dog": 0.8}, half_life_s=half_life_s, margin=0.1)
    found = [smoother.update({"cat": cat, "dog": dog}, float(time)) for time, (cat, dog) in enumerate(frames)]
    return [(one.label, one.confident, one.changed) for one in found]


def test_each_label_has_its_own_threshold() -> None:
    """Proves that none, one and both labels are told, the surest first, and that only changes are changes."""
    assert told([(0.1, 0.7), (0.6, 0.7), (0.7, 0.7), (0.6, 0.9), (0.1, 0.1)]) == [
        ("dog", False, True),
        ("cat", True, True),
        ("cat", True, False),
        ("dog;cat", True, True),
        ("cat", False, True),
    ]


def test_a_label_stays_within_the_margin() -> None:
    """Proves that a label does not flicker at its threshold, and goes below the margin."""
    assert [label for label, _, _ in told([(0.5, 0), (0.45, 0), (0.41, 0)])] == ["cat"] * 3
    assert told([(0.5, 0), (0.39, 0)])[-1] == ("cat", False, True)
    assert told([(0.45, 0)])[0][1] is False


def test_scores_are_averaged() -> None:
    """Proves that one frame does not bring a label where the half-life is long."""
    assert [sure for _, sure, _ in told([(0, 0), (1, 0), (1, 0), (1, 0)], half_life_s=2.0)] == [
        False,
        False,
        False,
        True,
    ]


def test_frames_must_agree() -> None:
    """Proves that a change is made after so many frames in a row; another frame starts the count again."""
    smoother = SeveralSmoother({"cat": 0.5, "dog": 0.8}, half_life_s=0, margin=0.1, agree=2)
    cats = [0.9, 0.1, 0.9, 0.9, 0.1, 0.1]
    found = [smoother.update({"cat": cat, "dog": 0.0}, float(time)) for time, cat in enumerate(cats)]
    assert [one.confident for one in found] == [False, False, False, True, True, False]
    assert [one.changed for one in found] == [True, False, False, True, False, True]
