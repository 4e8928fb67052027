"""Export 25 networks of keras.applications and 25 idioms, and write which files came of them.

Usage: PYTHONPATH=. python scripts/network_table.py RESULTS [NAME ...]

RESULTS gets a line of JSON for each network that is done; a network that has a line there is not exported again.
Each runs in a process of its own, with random weights, on drawings of the least size that it takes. At the end
docs/measurements/networks.md is written anew from RESULTS. With NAME, only these networks are exported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.exporter.idioms import IDIOMS, SIDE, alive, idiom, stripes

PAGE = Path("docs/measurements/networks.md")
LIMIT_S = 1800
_TEST, _CALIBRATION = 48, 32  # pictures
FILES = [
    *("float32.tflite", "float16.tflite", "dynamic.tflite", "int8.tflite"),
    *("float32.onnx", "float16.onnx", "int8.onnx"),
]
# Networks of keras.applications up to 30 M parameters, with the side in pixels and the range that they take.
APPLICATIONS: dict[str, tuple[int, tuple[float, float] | None]] = {
    "MobileNet": (96, (-1, 1)),
    "MobileNetV2": (96, (-1, 1)),
    "MobileNetV3Small": (96, None),
    "MobileNetV3Large": (96, None),
    "NASNetMobile": (96, (-1, 1)),
    "EfficientNetB0": (96, None),
    "EfficientNetB1": (96, None),
    "EfficientNetB2": (96, None),
    "EfficientNetB3": (96, None),
    "EfficientNetB4": (96, None),
    "EfficientNetB5": (96, None),
    "EfficientNetV2B0": (96, None),
    "EfficientNetV2B1": (96, None),
    "EfficientNetV2B2": (96, None),
    "EfficientNetV2B3": (96, None),
    "EfficientNetV2S": (96, None),
    "DenseNet121": (96, (0, 1)),
    "DenseNet169": (96, (0, 1)),
    "DenseNet201": (96, (0, 1)),
    "ResNet50": (96, (-128, 127)),
    "ResNet50V2": (96, (-1, 1)),
    "Xception": (96, (-1, 1)),
    "InceptionV3": (96, (-1, 1)),
    "ConvNeXtTiny": (96, None),
    "VGG16": (96, (-128, 127)),
}


def main(results: Path, names: list[str]) -> None:
    """Export what is not done yet, a process for each network, and write the page."""
    done = {row["network"] for row in _rows(results)}
    for name in names or [*APPLICATIONS, *IDIOMS]:
        if name in done:
            continue
        row = _run(name)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        outcome = row["error"] or ", ".join(row["files"]) or "no file"
        print(f"{name}: {outcome} ({row['seconds']:.0f} s)", flush=True)
    PAGE.write_text(page(_rows(results)), encoding="utf-8")


def _rows(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def _run(name: str) -> dict[str, Any]:
    """Export a network in a new process; return its row, or one with the error if there is none in time."""
    start = time.monotonic()
    command = [sys.executable, __file__, "--one", name]
    row: dict[str, Any] = {"network": name, "parameters": 0, "files": {}, "missing": {}, "left": [], "error": ""}
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        last = (ended.stdout.splitlines() or [""])[-1]
        row |= json.loads(last) if last.startswith("{") else {"error": _reason(ended)}
    except subprocess.TimeoutExpired:
        row["error"] = f"not done in {LIMIT_S} s"
    return row | {"seconds": round(time.monotonic() - start, 1)}


def _reason(ended: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {ended.returncode}: {(ended.stderr.splitlines() or ['no word'])[-1][:300]}"


def export_one(name: str) -> dict[str, Any]:
    """Build, save and export a network in this process; return its row."""
    from edge_runtime.errors import CatdogError
    from exporter.cli import wanted_targets
    from exporter.export import export
    from exporter.network.model import input_size
    from exporter.plan import ExportPlan
    from exporter.source import read_keras_source

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model, side, input_range = _built(name)
        model.save(folder / "network.keras")
        _draw(folder / "test", _TEST, side, seed=1)
        _draw(folder / "calibration", _CALIBRATION, side, seed=2)
        row: dict[str, Any] = {"parameters": int(model.count_params())}
        watch = StopWatch()
        try:
            path = folder / "network.keras"
            source = read_keras_source(path, folder / "test", size=input_size(path), input_range=input_range)
            plan = ExportPlan(
                wanted_targets("all", "all"), calibration=folder / "calibration", max_drop=1.0, repair=True
            )
            record = export(source, folder / "bundle", plan, observer=watch).record
        except CatdogError as error:
            return row | {"error": str(error).replace(f"{folder}/", "")}
        watch.on_stage("")
        files = {
            file.name.removeprefix("model."): {
                "agreement": file.check.drift.agreement,
                "largest": file.check.drift.largest_difference,
                "seconds": round(watch.seconds_of(file.name), 1),
            }
            for file in record.files
        }
        missing = {file.name.removeprefix("model."): file.reason for file in getattr(record, "missing", ())}
        left = [f"{what}: {reason}" for what, reason in record.folding.skipped] + [*record.not_rounded]
        return row | {"files": files, "missing": missing, "left": left}


class StopWatch:
    """Notes how long each stage of an export takes."""

    def __init__(self) -> None:
        """Start."""
        self._stages: list[tuple[str, float]] = []

    def on_stage(self, name: str) -> None:
        """Note when a stage begins."""
        self._stages.append((name, time.monotonic()))

    def on_progress(self, done: int, total: int) -> None:
        """Ignore how far it is."""

    def seconds_of(self, file: str) -> float:
        """Return how long a file was converted and checked, without its second calibration."""
        following = self._stages[1:]
        pairs = zip(self._stages, following, strict=False)
        named = {f"converting {file}", f"checking {file}"}
        return sum(after - before for (name, before), (_, after) in pairs if name in named)


def _built(name: str) -> tuple[Any, int, tuple[float, float] | None]:
    import keras

    if name in IDIOMS:
        return idiom(name), SIDE, (0, 255) if name == "transfer tutorial" else None
    side, taken = APPLICATIONS[name]
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(input_shape=(side, side, 3), weights=None, classes=2)
    low, high = taken or (0, 255)
    # ConvNeXt has its rescaling behind an operation of its own, so the range is stated for every network.
    pictures, targets = stripes(64, side)
    return alive(model, pictures * ((high - low) / 255) + low, targets), side, (low, high)


def _draw(folder: Path, count: int, side: int, *, seed: int) -> None:
    from PIL import Image

    pictures, targets = stripes(count, side, seed)
    for number, (picture, target) in enumerate(zip(pictures, targets, strict=True)):
        path = folder / ("across", "down")[target] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    by_name = {row["network"]: row for row in rows}
    known, written = ([by_name[name] for name in names if name in by_name] for names in (APPLICATIONS, IDIOMS))
    parts = [
        "# Which networks export\n",
        "This page is for readers who ask whether their network can be exported. At its end you know which files "
        f"came of {len(known)} networks of keras.applications and of {len(written)} things that people write in "
        "their own.\n",
        "Each cell is the share of the test pictures to which the file gives the answer of Keras, and the seconds "
        "to convert and check the file on two cores. *mixed* is a file with some layers in float. `-` is no file: "
        "the reasons are below. The networks have random weights, and a last layer fitted to drawn stripes. "
        f"So agreement on {_TEST} other drawings says that a file is right; it says nothing of photographs. "
        "`PYTHONPATH=. python scripts/network_table.py RESULTS` makes this page.\n",
        _table("Networks of keras.applications", known),
        _table("What people write", written),
        _reasons(rows),
    ]
    return "\n".join(part for part in parts if part)


def _table(title: str, rows: list[dict[str, Any]]) -> str:
    header = ["network", "parameters", *(name.replace(".", " ") for name in FILES), "all, s"]
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    for row in rows:
        cells = [_cell(row["files"], name) for name in FILES]
        lines.append(f"| {row['network']} | {row['parameters']:,} | {' | '.join(cells)} | {row['seconds']:.0f} |")
    return f"## {title}\n\n" + "\n".join(lines) + "\n" if rows else ""


def _cell(files: dict[str, Any], name: str) -> str:
    mixed = name.replace("int8", "mixed")
    found = files.get(name) or files.get(mixed)
    if not found:
        return "-"
    kind = " *mixed*" if name not in files else ""
    return f"{found['agreement']:.0%}, {found['seconds']:.0f} s{kind}"


def _reasons(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        for name, reason in row["missing"].items():
            lines.append(f"- {row['network']}, {name}: {reason}")
        if row["error"]:
            lines.append(f"- {row['network']}: {row['error']}")
        lines += [f"- {row['network']}, left out: {reason}" for reason in row["left"]]
    return "## What is missing, and what was left out\n\n" + "\n".join(lines) + "\n" if lines else ""


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(export_one(sys.argv[2]), ensure_ascii=False))
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
