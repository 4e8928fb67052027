"""Measure what --balance does: python scripts/balance.py DATA writes docs/measurements/balance.md.

DATA has two folders with 1,350 pictures or more each. The network is EfficientNet-Lite0 with ImageNet weights and a
head that `catdog-train --architecture lite0` fits first; so a training takes a second, and many can be repeated.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from edge_runtime.markdown import table
from edge_runtime.picture.folder import read_classes
from edge_runtime.picture.preprocessing import Preprocessing
from trainer.data.balance import Balance
from trainer.data.cache import cache_pictures
from trainer.network.architectures import ARCHITECTURES
from trainer.network.head import fit_head, read_features
from trainer.network.pretrained import load_pretrained

PAGE = Path(__file__).parents[1] / "docs/measurements/balance.md"
SIDE, EACH, TEST, LARGE = 96, 1300, 400, 800
SMALL = (40, 200)
SEEDS = 10

Features = NDArray[np.float32]


def features_of(data: Path) -> list[Features]:
    """Return the features of the first `EACH` good pictures of both classes, `float32 (EACH, F)` each."""
    found = read_classes(data)
    model = ARCHITECTURES["lite0"].build(SIDE, 1)
    load_pretrained(model, "lite0")
    classes = []
    for label in range(2):
        paths = [file.path for file in found.files if file.label == label]
        chosen = np.random.default_rng(label).permutation(len(paths))[: EACH + 50]
        cached = cache_pictures([paths[index] for index in chosen], Preprocessing(SIDE, SIDE))
        rows = [entry.row for entry in cached.entries if entry.row >= 0][:EACH]
        classes.append(read_features(model, np.asarray(cached.pixels[rows])))
    return classes


def recalls(classes: list[Features], small: int, seed: int) -> dict[Balance, NDArray[np.float64]]:
    """Train in each way on `LARGE` pictures of one class and `small` of the other; return the recalls of both.

    The class that is small changes with the seed. Its recall comes first.
    """
    rng = np.random.default_rng(seed)
    rare = seed % 2
    mixed = [classes[label][rng.permutation(EACH)] for label in (rare, 1 - rare)]
    sizes = {Balance.WEIGHTS: (small, LARGE), Balance.NONE: (small, LARGE), Balance.UNDERSAMPLE: (small, small)}
    found = {}
    for balance, counts in sizes.items():
        training, validation = (
            _joined(mixed, [(start, start + most(count)) for count in counts])
            for start, most in ((TEST, lambda n: n), (TEST + LARGE, lambda n: max(3, n // 8)))
        )
        weights = None
        if balance is Balance.WEIGHTS:
            weights = (np.mean(counts) / np.array(counts))[training[1]]
        head = fit_head(training, validation, labels=2, weights=weights)
        right = [
            ((some[:TEST] @ head.kernel + head.bias).argmax(axis=1) == label) for label, some in enumerate(mixed)
        ]
        found[balance] = np.array([answers.mean() for answers in right])
    return found


def _joined(classes: list[Features], spans: list[tuple[int, int]]) -> tuple[Features, NDArray[np.intp]]:
    parts = [some[low:high] for some, (low, high) in zip(classes, spans, strict=True)]
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _figure(values: list[float], *, sign: str = "") -> str:
    """Return the mean over the seeds with its 95 % interval, in per cent."""
    reach = 2.262 * stdev(values) / len(values) ** 0.5  # Student's t for 10 values
    middle = mean(values)
    return f"{middle:{sign}.1%} [{middle - reach:{sign}.1%}, {middle + reach:{sign}.1%}]"


def main() -> None:
    """Measure and write the page."""
    classes = features_of(Path(sys.argv[1]))
    rows = []
    for small in SMALL:
        runs = [recalls(classes, small, seed) for seed in range(SEEDS)]
        shares = np.array([small, LARGE]) / (small + LARGE)
        for balance in Balance:
            of_this, of_weights = [run[balance] for run in runs], [run[Balance.WEIGHTS] for run in runs]
            gaps = [float(one.mean() - two.mean()) for one, two in zip(of_this, of_weights, strict=True)]
            rows.append(
                (
                    f"{LARGE:,} and {small:,}",
                    str(balance),
                    _figure([float(run.mean()) for run in of_this]),
                    "" if balance is Balance.WEIGHTS else _figure(gaps, sign="+"),
                    _figure([float(run[0]) for run in of_this]),
                    _figure([float(run @ shares) for run in of_this]),
                )
            )
            print(rows[-1], flush=True)
    PAGE.write_text(_page(rows), encoding="utf-8")


def _page(rows: list[tuple[str, ...]]) -> str:
    small, shares = "recall of the small class", "accuracy at these shares"
    header = ("pictures", "balance", "mean recall", "against weights", small, shares)
    return (
        "# Classes of different size\n\n"
        "This page is for those who ask which `--balance` to choose. At its end you know what each costs.\n\n"
        "Photographs of cats and dogs. The network has the ImageNet weights of EfficientNet-Lite0, and the head\n"
        f"that `catdog-train --architecture lite0` fits first, at {SIDE} pixels. One class has {LARGE:,} training\n"
        f"pictures, the other fewer. Each line is the mean of {SEEDS} draws with its 95 % interval, on {TEST}\n"
        "test pictures of each class. The small class is cat in one half of the draws and dog in the other.\n"
        "`scripts/balance.py` measured it.\n\n"
        + table(header, rows)
        + "\n- **Mean recall** is the accuracy where both classes are equally frequent.\n"
        "- **Accuracy at these shares** is the accuracy where they are as frequent as in training.\n\n"
        "`weights` is the default: it is the last in no column. Choose `undersample` if the small class matters\n"
        "as much as the large one, or is as frequent in use. Choose `none` if the shares in use are those of\n"
        "training.\n"
    )


if __name__ == "__main__":
    main()
