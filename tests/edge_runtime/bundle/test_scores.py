"""A single output stands for two labels, in every shape of outputs."""

import numpy as np
import pytest

from edge_runtime.bundle.scores import label_scores, possible_outputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_output_is_the_score_of_the_second_label(dtype: type) -> None:
    """Proves that the first label gets the rest to 1, for one picture and for several, with the type kept."""
    outputs = np.array([[0.25], [1.0], [0.0]], dtype)
    expected = np.array([[0.75, 0.25], [0.0, 1.0], [1.0, 0.0]], dtype)
    np.testing.assert_array_equal(label_scores(outputs), expected)
    np.testing.assert_array_equal(label_scores(outputs[0]), expected[0])
    assert label_scores(outputs).dtype == dtype


def test_an_even_answer_goes_to_the_first_label() -> None:
    """Proves that float32 keeps 0.5 and the next number above it apart, as `score > 0.5` does."""
    half = np.float32(0.5)
    answers = [label_scores(np.array([value])).argmax() for value in (half, np.nextafter(half, np.float32(1)))]
    assert answers == [0, 1]


def test_more_outputs_are_scores_already() -> None:
    """Proves that outputs for each label stay as they are."""
    outputs = np.array([0.2, 0.3, 0.5], np.float32)
    assert label_scores(outputs) is outputs
    assert label_scores(outputs[:2]).tolist() == outputs[:2].tolist()


@pytest.mark.parametrize(("labels", "outputs"), [(2, (1, 2)), (3, (3,)), (10, (10,))])
def test_only_two_labels_may_share_an_output(labels: int, outputs: tuple[int, ...]) -> None:
    """Proves that a network of three or more labels needs an output for each."""
    assert possible_outputs(labels) == outputs
