"""Say when a network is no better than one that always answers the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation import Evaluation


def no_better_than_one_answer(evaluation: Evaluation) -> str:
    """Return the sentences that say so; empty when the accuracy is better than the share of the largest class.

    It is better when the lower end of its 95 % interval is above that share. Where it is not, the network may still
    tell the classes apart, if one of them is far larger: then the mean of the classes' recalls says so.
    """
    counts = np.array(evaluation.confusion)
    totals = counts.sum(axis=1)
    largest = int(totals.argmax())
    label = list(evaluation.per_class)[largest]  # the labels come first there, in order
    share = totals[largest] / evaluation.pictures
    low, high = evaluation.accuracy_interval
    if low > share:
        return ""
    verb = "is" if evaluation.accuracy <= share else "may be"
    text = (
        f"This network {verb} no better than one that always answers {label}: its accuracy is "
        f"{evaluation.accuracy:.2%} [{low:.2%}, {high:.2%}], that of the one answer is {share:.2%}."
    )
    mean, low = _mean_recall(counts)
    if low > 1 / np.count_nonzero(totals):
        return f"{text} It does tell the classes apart: the mean recall of the classes is {mean:.2%}."
    return f"{text} {_advice(evaluation, share)}"


def _advice(evaluation: Evaluation, share: float) -> str:
    if evaluation.accuracy > share:
        return "More test pictures would tell."
    return "It has learnt nothing of use. Train longer, with another --learning-rate, or look at the pictures."


def _mean_recall(counts: NDArray[np.int_]) -> tuple[float, float]:
    """Return the mean of the recalls of the classes that have pictures, and the lower end of its 95 % interval.

    Source: the variance of a mean of independent shares; a share's own with two successes and failures added, as
    A. Agresti and B. Coull do, "Approximate is better than exact", 1998.
    """
    totals = counts.sum(axis=1)
    there = totals > 0
    right, total = np.diag(counts)[there], totals[there]
    share = (right + 2) / (total + 4)
    variance = (share * (1 - share) / (total + 4)).sum() / len(total) ** 2
    return float((right / total).mean()), float(share.mean() - 1.96 * np.sqrt(variance))
