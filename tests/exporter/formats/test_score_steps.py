"""The range in which int8 files count logits reaches as far as their scores do."""

from scipy.special import expit

from exporter.formats.score_steps import LARGEST_LOGIT


def test_beyond_it_a_score_is_the_first_or_last_step():
    """Proves that a larger logit rounds to 0 or to the highest of 256 steps, and that a smaller limit would not."""
    assert round(256 * expit(-LARGEST_LOGIT)) == 0
    assert round(256 * expit(LARGEST_LOGIT)) == 256
    assert round(256 * expit(-LARGEST_LOGIT + 0.1)) == 1


def test_steps_within_it_are_fine_enough():
    """Proves that a step of the logits moves a score by less than four steps of its own."""
    step = 2 * LARGEST_LOGIT / 255
    assert 256 * (expit(step / 2) - expit(-step / 2)) < 4
