"""What comes before a conversion: records that follow from one another and change nothing."""

import numpy as np
import pytest

from edge_runtime.bundle.scores import label_scores
from exporter.errors import SourceError
from exporter.export import export
from exporter.network.confidence import Temperature, choose_threshold, temper
from exporter.network.model import KerasScorer, keras_scores, load_keras_model
from exporter.network.proof import MAX_DIFFERENCE
from exporter.plan import ExportPlan
from exporter.preparation import fold_network, judge_confidence, prepare, read_pictures
from exporter.source import load_split_pictures
from tests.exporter.conftest import CALIBRATION_COUNT, Stages, target

PLAN = ExportPlan((target("tflite", "float32"),), calibration_count=CALIBRATION_COUNT)


@pytest.fixture(scope="module")
def pictures(source):
    return read_pictures(source, PLAN, Stages([]))


@pytest.fixture(scope="module")
def trained(source):
    return KerasScorer(load_keras_model(source))


def test_the_steps_change_nothing(source, pictures, trained):
    """Proves that each step gives the same whenever it is done: folding before, after, or twice."""
    weights = [value.copy() for value in trained.model.get_weights()]
    first = judge_confidence(source, trained)
    _, folded = fold_network(trained, first.temperature, pictures)
    fold_network(trained, Temperature(3.0, 30), pictures)
    assert judge_confidence(source, trained) == first
    assert fold_network(trained, first.temperature, pictures)[1] == folded
    for before, after in zip(weights, trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("temperature", [Temperature(3.0, 30), Temperature(0.5, 30), Temperature(reason="few")])
def test_the_network_has_the_temperature(pictures, trained, temperature):
    """Proves that the network to convert gives tempered scores, or those as trained where none was fitted."""
    network, proof = fold_network(trained, temperature, pictures)
    expected = temper(trained.scores(pictures.test), temperature.value)
    np.testing.assert_allclose(keras_scores(network, pictures.test), expected, atol=MAX_DIFFERENCE)
    assert 0 <= proof.difference <= MAX_DIFFERENCE
    assert proof.pictures == len(pictures.proof_pixels)
    assert len(proof.folded) > 5


def test_the_confidence_is_that_of_the_validation_split(source, trained):
    """Proves that the threshold is chosen on scores with the temperature, of validation pictures alone."""
    pixels, targets = load_split_pictures(source.sides["validation"], source.preprocessing)
    confidence = judge_confidence(source, trained)
    assert confidence.temperature.pictures == len(targets)
    scores = temper(trained.scores(pixels), confidence.temperature.value)
    assert confidence.threshold == choose_threshold(scores, targets)


def test_the_records_belong_together(source, trained):
    """Proves that the baseline is of the test pictures, as trained and with the temperature, label for label."""
    prepared = prepare(source, PLAN, Stages([]))
    assert len(prepared.pictures.test) == len(prepared.pictures.targets) == len(source.sides["test"])
    as_trained = trained.scores(prepared.pictures.test)
    np.testing.assert_allclose(prepared.baseline.as_trained, as_trained, atol=1e-7)
    expected = temper(as_trained, prepared.confidence.temperature.value)
    np.testing.assert_allclose(prepared.baseline.scores, expected, atol=1e-6)
    calibration, second = prepared.pictures.calibration_pixels, prepared.pictures.second_pixels
    assert len(calibration) == len(second) == CALIBRATION_COUNT
    shared = {picture.tobytes() for picture in calibration} & {picture.tobytes() for picture in second}
    assert shared == set()


def test_a_scorer_traces_its_model_once(trained, pictures):
    """Proves that a second set of pictures is scored by the graph of the first, with the same scores."""
    fresh = KerasScorer(trained.model)
    first = fresh.scores(pictures.test)
    function = fresh._body.predict_function
    np.testing.assert_array_equal(fresh.scores(pictures.test), first)
    assert fresh._body.predict_function is function
    outputs = trained.model.predict_on_batch(pictures.test).astype(np.float64)
    np.testing.assert_allclose(first, label_scores(outputs), atol=1e-6)


def test_few_validation_pictures_fit_no_temperature(source, tmp_path):
    """Proves that below 30 validation pictures scores stay as trained, and manifest and report say why."""
    few = {"validation": source.sides["validation"][:29]}
    source = type(source)(**vars(source) | {"sides": source.sides | few})
    outcome = export(source, tmp_path / "b", ExportPlan((target("tflite", "float32"),)), observer=Stages([]))
    reason = "only 29 validation pictures, 30 are needed"
    assert outcome.bundle.training["temperature"] == {"value": 1.0, "validation_pictures": 0, "reason": reason}
    assert f"No temperature was fitted: {reason}." in (outcome.folder / "report.md").read_text()


def test_an_empty_test_split_is_an_error(source, tmp_path):
    """Proves that nothing is exported without test pictures, as nothing can be proven."""
    source = type(source)(**vars(source) | {"sides": source.sides | {"test": ()}})
    with pytest.raises(SourceError, match="test split is empty"):
        export(source, tmp_path / "b", ExportPlan((target("tflite", "float32"),)), observer=Stages([]))
    assert list(tmp_path.iterdir()) == []
