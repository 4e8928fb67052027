"""A network that is no better than one constant answer is called that, by the interval of its accuracy."""

import numpy as np
import pytest

from tests.trainer.test_evaluation import scores_of
from trainer.evaluation import Evaluation, evaluate_scores
from trainer.largest_class import no_better_than_one_answer


def judged(right: tuple[int, ...], wrong: tuple[int, ...], labels: tuple[str, ...] = ("cat", "dog")) -> Evaluation:
    """Return the figures of so many right and wrong answers to each class."""
    truth, guess = [], []
    for label, (good, bad) in enumerate(zip(right, wrong, strict=True)):
        truth += [label] * (good + bad)
        guess += [label] * good + [(label + 1) % len(labels)] * bad
    return evaluate_scores(scores_of(np.array(guess), len(labels)), np.array(truth), labels)


def test_a_good_network_is_not_called_anything() -> None:
    """Proves that nothing is said when the lower end of the interval is above the share of the largest class."""
    assert no_better_than_one_answer(judged((90, 90), (10, 10))) == ""
    assert no_better_than_one_answer(judged((62, 62), (38, 38))) == ""  # 62 % [55.1 %, 68.4 %] of 200


@pytest.mark.parametrize(("right", "wrong"), [((100, 0), (0, 100)), ((50, 50), (50, 50)), ((30, 40), (70, 60))])
def test_a_network_that_learnt_nothing_is_called_that(right: tuple[int, int], wrong: tuple[int, int]) -> None:
    """Proves of a constant answer, of guessing and of worse that both figures and the interval are told."""
    text = no_better_than_one_answer(judged(right, wrong))
    assert text.startswith("This network is no better than one that always answers cat: its accuracy is ")
    assert "that of the one answer is 50.00%" in text
    assert text.endswith(
        "It has learnt nothing of use. Train longer, with another --learning-rate, or look at the pictures."
    )


def test_too_few_test_pictures_are_told() -> None:
    """Proves that 8 of 12 right answers may be chance, and that more pictures would tell."""
    text = no_better_than_one_answer(judged((4, 4), (2, 2)))
    assert text.startswith("This network may be no better than one that always answers cat")
    assert text.endswith("More test pictures would tell.")


def test_the_largest_class_decides() -> None:
    """Proves that 90 % is nothing where one class has 90 % of the pictures, and that its name is told."""
    text = no_better_than_one_answer(judged((0, 180), (20, 0)))
    assert "always answers dog: its accuracy is 90.00%" in text
    assert "It has learnt nothing of use." in text


def test_a_network_that_finds_the_rare_class_is_given_its_due() -> None:
    """Proves that where a rare class costs accuracy, the mean recall says that the classes are told apart."""
    text = no_better_than_one_answer(judged((16, 160), (4, 20)))
    assert "is no better than one that always answers dog" in text
    assert text.endswith("It does tell the classes apart: the mean recall of the classes is 84.44%.")
