"""Records of known figures, which the tests of `run` and `report` share."""

from dataclasses import replace

import numpy as np

from benchmarks.run.conditions import Conditions
from benchmarks.run.record import Accuracy, BenchmarkReport, Configuration, Disagreement, Measured
from edge_runtime.proof.drift import measure_drift
from edge_runtime.proof.gate import judge

ROUNDS = 60
TARGETS = [0, 1] * 500
BACKENDS = {"tflite": "litert", "onnx": "onnxruntime"}  # by format
HOSTILE = "<b>\"|`'&*_[x](y)"  # what Markdown, HTML and tables each take for their own
MACHINE = {
    "board": None,
    "processor": "Cortex-A76",
    "architecture": "aarch64",
    "cores": 4,
    "memory_mib": 4096.0,
    "system": "Linux 6.6",
    "python": "3.12.1",
    "packages": {"numpy": "2.4.6"},
}
PICTURES = {
    "count": 1000,
    "source": "of the 1,000 test pictures of the bundle",
    "with_keras_scores": True,
    "sha256": "a",
    "timed_sha256": "b",
    "targets": TARGETS,
}
QUIET = Conditions(
    time="2026-01-02T03:04:05+00:00",
    load_1m=0.25,
    governor=("ondemand",),
    frequency_mhz=2400.0,
    temperature_c={"thermal_zone0 cpu": 48.5},
    throttled_now=(),
    throttled_since_start=(),
    throttle_count=0,
    processor_s=(1000.0, 10.0, 0.0),
    own_s=0.0,
)


def one_way(precision="int8", threads=1, *, form="tflite", backend=None):
    """One way to run the bundle, with the usual backend of its format."""
    return Configuration(f"model.{precision}.{form}", form, precision, backend or BACKENDS[form], threads)


def timed(what, inference_ms, *, decode_ms=1.0, preprocess_ms=0.5):
    """A configuration with exactly these times of inference, one a round, and the same other stages each round."""
    rounds = len(inference_ms)
    stages = {
        "decode": [decode_ms] * rounds,
        "preprocess": [preprocess_ms] * rounds,
        "inference": [float(value) for value in inference_ms],
    }
    starts = {"cold_start": [100.0] * 5, "load": [10.0] * 5, "first_inference": [stages["inference"][0]] * 5}
    return Measured(what, 1_000_000, starts, stages, 50.0, 60.0)


def measured(precision, inference_ms, threads=1, seed=0, form="tflite"):
    """A configuration whose inference takes about so long, by a tenth more or less."""
    spread = np.random.default_rng(seed).uniform(0.9, 1.1, ROUNDS)
    return timed(one_way(precision, threads, form=form), inference_ms * spread)


def answers(precision, wrong=0, form="tflite", max_drop=0.01):
    """Answers of which so many are wrong, against a Keras model that is always right."""
    given = np.array(TARGETS)
    given[:wrong] = 1 - given[:wrong]
    keras, scores = (np.eye(2)[values] * 0.8 + 0.1 for values in (TARGETS, given))
    drift = measure_drift(keras, scores, np.array(TARGETS))
    confusion = np.zeros((2, 2), int)
    np.add.at(confusion, (TARGETS, given), 1)
    return Accuracy(
        f"model.{precision}.{form}",
        BACKENDS[form],
        given.tolist(),
        drift.accuracy,
        drift.interval,
        confusion.tolist(),
        drift.to_dict(),
        judge(drift, max_drop=max_drop).to_dict(),
    )


def without_keras(accuracy):
    """The same answers, where only the true labels are known."""
    return replace(accuracy, drift=None, gate=None)


def without_labels(accuracy):
    """The same answers, where not even the true labels are known."""
    return replace(without_keras(accuracy), accuracy=None, interval=None, confusion=None)


def odd(picture="Cat/1.jpg", label="cat"):
    """A picture that Keras and the int8 file give different labels."""
    return Disagreement(picture, "ff", label, {"Keras": [0.6, 0.4], "model.int8.tflite litert": [0.25, 0.75]})


def a_report(*items, accuracy=(), **changes):
    """A report of these configurations, measured on a quiet machine."""
    values = {
        "bundle": "pets",
        "labels": ("cat", "dog"),
        "max_drop": 0.01,
        "machine": MACHINE,
        "rounds": ROUNDS,
        "pictures": PICTURES,
        "measured": tuple(sorted(items, key=lambda item: item.total.median_ms)),
        "accuracy": tuple(accuracy),
        "before": QUIET,
        "after": QUIET,
    }
    return BenchmarkReport(**values | changes)


def full_report(**changes):
    """Two files with their answers, verdicts and one picture on which they disagree."""
    values = {"accuracy": [answers("int8", wrong=3), answers("float32")], "disagreements": (odd(),)}
    return a_report(measured("int8", 2), measured("float32", 6, seed=1), **values | changes)
