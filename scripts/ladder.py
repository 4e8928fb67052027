"""Measure what each ingredient of a recipe gives: change one, train, and compare on the same validation pictures.

Usage: python scripts/ladder.py DATA NEGATIVES [EPOCHS]

The runs are short (default 16 epochs). They follow `trainer/recipes/compact.toml`, with a fifth of the pictures
for validation. The test pictures are those of the recipe and are not looked at. Runs lie in runs/ladder/. A run
that was stopped goes on. Each finished run writes docs/measurements/ladder.md anew.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.folders import RUN
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.proof.shares import paired_interval, wilson_interval
from edge_runtime.run_folder import MODEL, Side
from trainer.config import TrainConfig, read_config, write_config
from trainer.data.dataset import Dataset, read_dataset
from trainer.data.negatives import add_negatives
from trainer.data.split import SplitPlan
from trainer.fit import predict_scores

RECIPE = Path("trainer/recipes/compact.toml")
RUNS = Path("runs/ladder")
PAGE = Path("docs/measurements/ladder.md")
RUNGS: dict[str, tuple[str, dict[str, Any]]] = {
    "whole": ("the whole recipe", {}),
    "cutmix": ("no mixed pictures", {"cutmix": 0.0}),
    "crops": ("crops from pictures of 128 pixels, not 160", {"source_side": 0}),
    "wide": ("the teacher itself, of as many epochs", {"architecture": "wide"}),
    "teacher": ("with that teacher", {"teacher": str(RUNS / "wide")}),
    "schedule": ("a constant rate for warm-up and cosine", {"schedule": "constant"}),
    "clean": ("doubted labels stay", {"clean_labels": False}),
    "augment": ("no augmentation", {"augment": False}),
    "average": ("no averaged weights", {"weight_averaging": 0.0}),
    "sgd": (
        "SGD with Nesterov momentum for Muon",
        {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 0.005},
    ),
    "sides": ("128 pixels throughout", {"first_side": 0, "last_side": 0}),
    "smoothing": ("no label smoothing", {"label_smoothing": 0.0}),
}

_HEAD = """# What each ingredient of the compact recipe gives

This page is for readers who ask which parts of the compact recipe help in a short training. At its end you know
what changing each one gives or costs.

How it was measured:

- Runs of {epochs} epochs of `trainer/recipes/compact.toml` without its teacher, each with one thing changed, one
  seed, made by `scripts/ladder.py`. The recipe itself trains longer.
- Shares of {pets:,} cats and dogs and {others:,} pictures of unseen kinds of the validation side, with 95 %
  intervals. Differences are paired.
- An ingredient helps where leaving it out costs points. The teacher helps where it gives some.
- The odds of `neither` are fitted on the same pictures.

[The ladder of an earlier recipe](ladder-first-recipe.md) has 12 epochs. [What was tried for the compact
network](compact-network.md#the-ladder) says what both mean for the length that ships.

| | cat against dog | difference, points | right of three answers, cats and dogs | neither, unseen kinds |
| --- | ---: | ---: | ---: | ---: |"""


def main() -> None:
    """Train every rung that is not there yet, and write the page."""
    data, negatives, *rest = sys.argv[1:]
    whole = replace(
        read_config(RECIPE, {"data": data, "negatives": negatives}),
        epochs=int(rest[0]) if rest else 16,
        validation_fraction=0.2,
    )
    dataset = _dataset(whole)
    targets = dataset.targets(Side.VALIDATION)
    scores = {}
    for name, (_, changes) in RUNGS.items():
        _train(name, replace(whole, **changes))
        scores[name] = _scores(name, dataset)
        PAGE.write_text(_page(whole, scores, targets), encoding="utf-8")


def _train(name: str, config: TrainConfig) -> None:
    if (RUNS / name / RUN).exists():
        return
    RUNS.mkdir(parents=True, exist_ok=True)
    recipe = RUNS / f"{name}.toml"
    write_config(recipe, config)
    started = (RUNS / f".{name}.partial").exists()
    how = ["--resume"] if started else ["--config", str(recipe)]
    command = Path(sys.executable).with_name("catdog-train")
    subprocess.run([command, *how, "--runs", str(RUNS), "--name", name], check=True)


def _dataset(config: TrainConfig) -> Dataset:
    preprocessing = Preprocessing(config.image_size, config.image_size)
    plan = SplitPlan(config.seed, 0, config.validation_fraction, config.test_fraction)
    dataset = read_dataset(Path(config.data), preprocessing, plan)
    return add_negatives(dataset, Path(config.negatives), preprocessing, config.seed)


def _scores(name: str, dataset: Dataset) -> np.ndarray:
    import keras

    return predict_scores(keras.saving.load_model(RUNS / name / MODEL), dataset, Side.VALIDATION)


def _page(config: TrainConfig, scores: dict[str, np.ndarray], targets: np.ndarray) -> str:
    pets = targets < 2
    right = {name: values[pets][:, :2].argmax(axis=1) == targets[pets] for name, values in scores.items()}
    kept = {name: values[pets].argmax(axis=1) == targets[pets] for name, values in scores.items()}
    known = {name: values[~pets].argmax(axis=1) == 2 for name, values in scores.items()}
    rows = [
        f"| {what} | {_share(right[name])} | "
        f"{'' if name == 'whole' else _difference(right[name], right['whole'])} | "
        f"{_share(kept[name])} | {_share(known[name])} |"
        if name in scores
        else f"| {what} | not run yet | | | |"
        for name, (what, _) in RUNGS.items()
    ]
    head = _HEAD.format(epochs=config.epochs, pets=int(pets.sum()), others=int((~pets).sum()))
    return "\n".join([head, *rows, ""])


def _share(right: np.ndarray) -> str:
    low, high = wilson_interval(int(right.sum()), len(right))
    return f"{right.mean():.2%} [{100 * low:.1f}, {100 * high:.1f}]"


def _difference(right: np.ndarray, whole: np.ndarray) -> str:
    lost, won = int((whole & ~right).sum()), int((right & ~whole).sum())
    low, high = paired_interval(lost, won, len(right))
    return f"{100 * (won - lost) / len(right):+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"


if __name__ == "__main__":
    main()
