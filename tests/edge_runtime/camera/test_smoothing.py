"""The label of a video follows what is seen, and does not flicker."""

import pytest

from edge_runtime.bundle.labels import UNSURE, shown
from edge_runtime.camera.smoothing import Smoother


def labels(smoother: Smoother, dogs: list[float], step_s: float = 0.1) -> list[str]:
    """Return what people see after each frame, from the score of the dog."""
    states = [smoother.update({"cat": 1 - dog, "dog": dog}, index * step_s) for index, dog in enumerate(dogs)]
    return [shown(state.label, state.confident) for state in states]


def test_first_frame_gives_a_label_at_once() -> None:
    """Proves that the first frame gives a label at once, and that it counts as a change."""
    state = Smoother().update({"cat": 0.2, "dog": 0.8}, 50.0)
    assert (state.label, state.confidence, state.changed) == ("dog", 0.8, True)


def test_half_life_is_the_age_at_which_a_score_counts_half() -> None:
    """Proves that after one half-life the old and the new score count the same, at any frame rate."""
    for steps in (1, 2, 10):
        smoother = Smoother(half_life_s=2.0)
        smoother.update({"cat": 1.0, "dog": 0.0}, 0.0)
        for step in range(1, steps + 1):
            state = smoother.update({"cat": 0.0, "dog": 1.0}, 2.0 * step / steps)
        assert state.scores == pytest.approx({"cat": 0.5, "dog": 0.5})


def test_no_half_life_is_no_smoothing() -> None:
    """Proves that a half-life of 0 gives each frame's own scores."""
    smoother = Smoother(half_life_s=0, margin=0)
    assert labels(smoother, [0.1, 0.9, 0.2, 0.8]) == ["cat", "dog", "cat", "dog"]


def test_one_odd_frame_changes_nothing() -> None:
    """Proves that one wrong frame among right ones does not change the label."""
    assert set(labels(Smoother(), [0.9] * 10 + [0.0] + [0.9] * 10)) == {"dog"}


def test_scores_around_a_half_do_not_flicker() -> None:
    """Proves that the label stays when scores swing around 0.5. Without smoothing it would change at each frame."""
    dogs = [0.55, 0.45] * 30
    assert len(set(labels(Smoother(), dogs))) == 1
    raw = labels(Smoother(half_life_s=0, margin=0), dogs)
    assert raw[:4] == ["dog", "cat", "dog", "cat"]


def test_lasting_change_is_followed_once() -> None:
    """Proves that a cat after a dog is one change, within two half-lives."""
    smoother = Smoother(half_life_s=0.5)
    before = [smoother.update({"cat": 0.1, "dog": 0.9}, index * 0.1) for index in range(20)]
    after = [smoother.update({"cat": 0.9, "dog": 0.1}, 2 + index * 0.1) for index in range(20)]
    assert [state.changed for state in before + after].count(True) == 2
    assert next(index for index, state in enumerate(after) if state.changed) * 0.1 <= 1.0


def test_unsure_has_a_band_of_its_own() -> None:
    """Proves that a label comes into force at the threshold, and is lost only a margin below it."""
    smoother = Smoother(half_life_s=0, margin=0.1, confidence_threshold=0.8)
    assert labels(smoother, [0.7, 0.81, 0.75, 0.71, 0.69, 0.75, 0.8]) == [
        UNSURE, "dog", "dog", "dog", UNSURE, UNSURE, "dog",
    ]  # fmt: skip


def test_change_to_a_weak_label_is_unsure() -> None:
    """Proves that another label must reach the threshold too. Until then the best label is told as unsure."""
    smoother = Smoother(half_life_s=0, margin=0.05, confidence_threshold=0.8)
    smoother.update({"cat": 0.9, "dog": 0.05, "hamster": 0.05}, 0)
    state = smoother.update({"cat": 0.3, "dog": 0.6, "hamster": 0.1}, 1)
    assert (state.label, state.confident, state.confidence) == ("dog", False, 0.6)


def test_clock_that_stands_still_does_no_harm() -> None:
    """Proves that the average stays as it is if the clock stands still or goes back."""
    smoother = Smoother()
    smoother.update({"cat": 1.0, "dog": 0.0}, 5.0)
    assert smoother.update({"cat": 0.0, "dog": 1.0}, 4.0).scores == {"cat": 1.0, "dog": 0.0}


@pytest.mark.parametrize(
    ("dogs", "expected"),
    [
        ([0.9, 0.9, 0.9, 0.1, 0.1, 0.1], [UNSURE, UNSURE, "dog", "dog", "dog", "cat"]),
        ([0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1], [UNSURE, UNSURE, *["dog"] * 6]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], [UNSURE] * 5),
        ([0.9, 0.9, 0.9, 0.6, 0.6, 0.9, 0.6, 0.6, 0.6], [UNSURE, UNSURE, *["dog"] * 6, UNSURE]),
    ],
    ids=["change", "broken off", "flicker", "unsure"],
)
def test_frames_must_agree(dogs: list[float], expected: list[str]) -> None:
    """Proves that a change, also one to unsure, needs three frames in a row, and that the count starts again."""
    smoother = Smoother(half_life_s=0, margin=0.1, confidence_threshold=0.8, agree=3)
    assert labels(smoother, dogs) == expected


def test_agreement_on_another_change_starts_again() -> None:
    """Proves that frames that ask for two different changes do not count together."""
    smoother = Smoother(half_life_s=0, agree=2)
    seen = ["cat", "cat", "dog", "hamster", "dog", "dog"]
    states = [
        smoother.update({name: float(name == label) for name in ("cat", "dog", "hamster")}, index)
        for index, label in enumerate(seen)
    ]
    assert [state.label for state in states[1:]] == ["cat", "cat", "cat", "cat", "dog"]
