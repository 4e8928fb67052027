"""The Keras scores of a bundle read back as they were written, and damage is an error."""

import numpy as np
import pytest

from edge_runtime.bundle.keras_scores import KERAS_SCORES, ScoredPicture, read_keras_scores, write_keras_scores
from edge_runtime.errors import BundleError

LABELS = ("cat, big", "dog")
SCORES = np.array([[0.25, 0.75], [0.9999999, 0.0000001]])


def test_scores_come_back(tmp_path):
    """Proves that labels and scores read back to seven decimals, also with a comma in a label."""
    write_keras_scores(tmp_path, LABELS, [("a" * 64, 1), ("b" * 64, 0)], SCORES)
    found = read_keras_scores(tmp_path, LABELS)
    assert found == {
        "a" * 64: ScoredPicture(1, (0.25, 0.75)),
        "b" * 64: ScoredPicture(0, (0.9999999, 0.0000001)),
    }


def test_a_bundle_without_them_has_none(tmp_path):
    """Proves that a bundle without the file, as older ones are, is no error."""
    assert read_keras_scores(tmp_path, LABELS) == {}


@pytest.mark.parametrize(
    "text",
    ["", "sha256,label,cat,dog\n", 'sha256,label,"cat, big",dog\nabc,dog,2,0\n',
     'sha256,label,"cat, big",dog\nabc,cow,1,0\n', 'sha256,label,"cat, big",dog\nabc\n'],
)  # fmt: skip
def test_damage_is_one_clear_line(tmp_path, text):
    """Proves that each kind of damage is one clear BundleError."""
    (tmp_path / KERAS_SCORES).write_text(text)
    with pytest.raises(BundleError, match=r"keras_scores\.csv: damaged"):
        read_keras_scores(tmp_path, LABELS)
