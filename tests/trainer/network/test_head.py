"""The last layer alone, fitted on features."""

import numpy as np
import pytest

from trainer.network.head import fit_head, read_features, set_head

pytestmark = pytest.mark.usefixtures("keras_started")


def clouds(seed: int, count: int, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Points around a centre for each label, in 6 dimensions of which two tell nothing."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, labels, count)
    centres = np.random.default_rng(0).normal(0, 1, (labels, 6))
    centres[:, 4:] = 0
    points = centres[targets] + generator.normal(0, 0.8, (count, 6))
    points[:, 5] *= 1e-7  # varies so little that a plain standardisation would make it huge
    return points.astype(np.float32), targets


def accuracy(head: object, points: np.ndarray, targets: np.ndarray) -> float:
    return float(((points @ head.kernel + head.bias).argmax(axis=1) == targets).mean())  # type: ignore[attr-defined]


def test_a_head_is_as_good_as_the_best_one() -> None:
    """Proves that the head finds the labels of new points as often as the centres themselves do, within chance."""
    head = fit_head(clouds(1, 600), clouds(2, 200), labels=3)
    points, targets = clouds(3, 2000)
    centres = np.random.default_rng(0).normal(0, 1, (3, 6))
    centres[:, 4:] = 0
    best = float((((points[:, None, :4] - centres[None, :, :4]) ** 2).sum(axis=2).argmin(axis=1) == targets).mean())
    assert accuracy(head, points, targets) > best - 0.02


def test_a_feature_that_hardly_varies_stays_small() -> None:
    """Proves that a nearly silent feature cannot rule the answers: 1 must not drown the rest."""
    head = fit_head(clouds(1, 100), clouds(2, 50), labels=3)
    assert np.abs(head.kernel[5]).max() < np.abs(head.kernel[:4]).max()


def test_few_points_get_a_stronger_penalty() -> None:
    """Proves that the validation points choose the penalty: noise is fitted less closely than a clear case."""
    generator = np.random.default_rng(5)
    noise = generator.normal(0, 1, (60, 6)).astype(np.float32)
    guesses = generator.integers(0, 3, 60)
    unclear = fit_head((noise[:40], guesses[:40]), (noise[40:], guesses[40:]), labels=3)
    clear = fit_head(clouds(1, 600), clouds(2, 200), labels=3)
    assert unclear.penalty > clear.penalty


def test_weights_count() -> None:
    """Proves that a point of weight 0 changes nothing."""
    points, targets = clouds(1, 300)
    wrong = (targets + 1) % 3
    weights = np.r_[np.ones(300), np.zeros(300)]
    twice = (np.concatenate([points, points]), np.concatenate([targets, wrong]))
    one = fit_head((points, targets), clouds(2, 200), labels=3)
    other = fit_head(twice, clouds(2, 200), labels=3, weights=weights)
    assert np.allclose(one.kernel, other.kernel, atol=0.02 * np.abs(one.kernel).max())


@pytest.mark.parametrize("labels", [2, 3])
def test_a_network_answers_as_its_head(labels: int) -> None:
    """Proves that features and head are the network's: its scores are the head's softmax, for one output too."""
    from trainer.network.architectures import ARCHITECTURES

    model = ARCHITECTURES["compact"].build(32, 1 if labels == 2 else labels)
    pixels = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    told: list[tuple[int, int]] = []
    features = read_features(model, pixels, report=lambda done, total: told.append((done, total)))
    assert features.shape == (70, 176)
    assert told == [(64, 70), (70, 70)]
    targets = np.arange(70) % labels
    head = fit_head((features[:50], targets[:50]), (features[50:], targets[50:]), labels=labels)
    set_head(model, head)
    logits = features.astype(np.float64) @ head.kernel + head.bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scores = np.asarray(model.predict_on_batch(pixels))
    assert np.allclose(scores, expected[:, 1:] if labels == 2 else expected, atol=1e-4)
