"""The export proves on real pictures that folding changes nothing, and does without it where it does."""

from dataclasses import replace

import numpy as np
import pytest

from exporter import preparation
from exporter.errors import SourceError
from exporter.export import export
from exporter.network import optimization
from exporter.network.confidence import last_layer
from exporter.network.folding import fold
from exporter.network.model import KerasScorer, load_keras_model
from exporter.plan import ExportPlan
from exporter.preparation import FOLDING_PICTURES, judge_confidence, read_pictures
from tests.exporter.conftest import Stages, target

PLAN = ExportPlan((target("tflite", "float32"),), calibration_count=8)


@pytest.mark.parametrize(("shift", "reason"), [(1e-3, "in float64 by "), (np.nan, "it moved a score by nan")])
def test_a_broken_fold_is_left_out(source, tmp_path, monkeypatch, shift, reason):
    """Proves that a fold that moves or loses the logits is found: the files are those of the network unfolded."""

    def broken(model):
        folding = fold(model)
        layer = last_layer(folding.model)
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias + np.float32(shift)])
        return folding

    monkeypatch.setattr(optimization, "fold", broken)
    outcome = export(source, tmp_path / "bundles" / "b", PLAN, observer=Stages([]))
    assert outcome.bundle.training["folded"] == []
    text = (outcome.folder / "report.md").read_text()
    assert "Folded into the weights before conversion: nothing. This changed no score" in text
    [_, line] = text.split("- Left out: folding, because ")
    assert reason in line.splitlines()[0]
    [file] = outcome.record.files
    assert file.check.drift.agreement == 1


@pytest.mark.parametrize("fault", ["wrong", "raises"])
def test_a_temperature_that_cannot_be_proved_is_left_out(source, monkeypatch, fault):
    """Proves that a last layer that is divided wrongly leaves the scores as trained, with the reason."""
    true = KerasScorer.divided

    def divided(self, temperature):
        if fault == "raises":
            raise TypeError("no such layer")
        return true(self, 1.1 * temperature)

    monkeypatch.setattr(KerasScorer, "divided", divided)
    temperature = judge_confidence(source, KerasScorer(load_keras_model(source))).temperature
    assert not temperature.fitted
    found = {"wrong": "it moved a score by", "raises": "it ended in TypeError: no such layer"}[fault]
    assert temperature.reason.startswith(f"dividing the last layer was left out, as {found}")


def test_a_search_for_silent_layers_that_fails_is_no_matter(source, monkeypatch):
    """Proves that what only tells of the network cannot end its export."""

    def fails(*_):
        raise ValueError("no such layer")

    monkeypatch.setattr(preparation, "silent_layers", fails)
    pictures = read_pictures(source, PLAN, Stages([]))
    scorer = KerasScorer(load_keras_model(source))
    _, proof = preparation.fold_network(scorer, preparation.Temperature(reason="none"), pictures)
    assert proof.silent == ()
    assert proof.skipped == ()


def test_the_proof_has_256_pictures_of_few_to_calibrate_with(source):
    """Proves that the proof is on 256 pictures of training, or all there are, however few set the ranges."""
    pictures = read_pictures(source, PLAN, Stages([]))
    assert len(pictures.calibration_pixels) == 8
    assert pictures.proof_pixels.shape == (len(source.sides["train"]), 64, 64, 3)
    many = replace(source, sides=source.sides | {"train": 5 * source.sides["train"]})
    assert len(read_pictures(many, PLAN, Stages([])).proof_pixels) == FOLDING_PICTURES == 256
    pictures = read_pictures(source, replace(PLAN, calibration_count=256), Stages([]))
    assert pictures.proof_pixels is pictures.calibration_pixels


def test_a_network_without_finite_scores_is_refused(source, tmp_path):
    """Proves that a training that ended in nan is told as one, with the model's file."""
    model = load_keras_model(source)
    layer = last_layer(model)
    layer.set_weights([np.full_like(weights, np.nan) for weights in layer.get_weights()])
    model.save(tmp_path / "lost.keras")
    with pytest.raises(SourceError, match=r"lost\.keras: some test pictures have no finite score\. Train it again"):
        export(replace(source, model_path=tmp_path / "lost.keras"), tmp_path / "b", PLAN, observer=Stages([]))
