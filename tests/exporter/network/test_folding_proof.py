"""The export proves on real pictures that folding changes nothing, and breaks off where it does."""

from dataclasses import replace

import numpy as np
import pytest

from exporter import preparation
from exporter.errors import ConversionError, SourceError
from exporter.export import export
from exporter.network.confidence import last_layer
from exporter.network.folding import fold
from exporter.network.model import load_keras_model
from exporter.plan import ExportPlan
from exporter.preparation import FOLDING_PICTURES, read_pictures
from tests.exporter.conftest import Stages, target

PLAN = ExportPlan((target("tflite", "float32"),), calibration_count=8)


@pytest.mark.parametrize("shift", [1e-3, np.nan])
def test_a_broken_fold_ends_the_export(source, tmp_path, monkeypatch, shift):
    """Proves that a fold that moves the logits by a thousandth, or loses them, is found and nothing is written."""

    def broken(model):
        folding = fold(model)
        layer = last_layer(folding.model)
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias + np.float32(shift)])
        return folding

    monkeypatch.setattr(preparation, "fold", broken)
    with pytest.raises(ConversionError, match=r"folding rescaling.* changed a score by .*expected at most 1e-05"):
        export(source, tmp_path / "bundles" / "b", PLAN, observer=Stages([]))
    assert not (tmp_path / "bundles" / "b").exists()


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
