"""What makes each hostile folder, model file and name of `hostile_cases.py`, and what looks at the outcome.

A maker writes into a new folder, and returns the command to run there.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge_runtime.bundle.folder import PRETRAINED
from tests.edge_runtime.damaged import crashing_bundle, elsewhere, endless_onnx, onnx_model, put_file

HIT = "window.hit=1"
SCRIPT = f'<img src=x onerror="{HIT}">'
ESCAPES = "\x1b[31mred\nnext: rm -r ~\u202egpj.exe"
RAW = ("\x1b[31mred", "\u202e")  # what a terminal would obey

BENCH = ["--rounds", "10", "--threads", "1", "--out", "report"]
GIFT = ["--bundle", "bundle"]


def bundle(folder: Path, **changes: Any) -> Path:
    """Copy the bundle of the package into `folder/bundle`, and change its manifest."""
    target = folder / "bundle"
    shutil.copytree(PRETRAINED, target)
    manifest = target / "manifest.json"
    values = json.loads(manifest.read_text()) | changes
    for picture in values["selftest"] if "labels" in changes else ():
        picture["scores"] = {path: scores[: len(changes["labels"])] for path, scores in picture["scores"].items()}
    manifest.write_text(json.dumps(values))
    return target


def pictures(folder: Path, *labels: str, count: int = 24) -> Path:
    """Write noise pictures into a folder for each label."""
    noise = np.random.default_rng(0)
    for label in labels:
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = noise.integers(0, 255, (40, 40, 3)).astype(np.uint8)
            pixels[..., labels.index(label)] //= 4
            Image.fromarray(pixels).save(folder / label / f"{number:03d}.png")
    return folder


def ran(*pages: str) -> Callable[[Path, str], str]:
    """Return what opens pages in Chromium and says whether a script in them ran."""

    def look(folder: Path, text: str) -> str:
        import markdown

        from benchmarks.report.browser import VIEWS, open_page

        found = []
        for page in pages:
            path = next(folder.glob(page), None)
            if path is None:
                return ""
            if path.suffix == ".md":
                shown = folder / "shown.html"
                shown.write_text(markdown.markdown(path.read_text(encoding="utf-8"), extensions=["tables"]))
                path = shown
            with open_page(path, VIEWS["desktop-light"]) as driver:
                if driver.execute_script("return window.hit") is not None:
                    found.append(Path(page).name)
        return f"**a script ran** in Chromium: {', '.join(found)}" if found else "no script ran in Chromium"

    return look


def mark(folder: Path, text: str) -> str:
    """Say whether code of the current folder was run."""
    return "**code of the current folder ran**" if (folder / "mark").exists() else ""


def raw(folder: Path, text: str) -> str:
    """Say whether what a terminal obeys was printed."""
    found = [name for name, letters in zip(("escape sequence", "turned text"), RAW, strict=True) if letters in text]
    lines = any(line.startswith("next: rm") for line in text.splitlines())
    found += ["a line of its own"] if lines else []
    return f"**printed raw**: {', '.join(found)}" if found else "escaped, or refused"


def left(folder: Path, text: str) -> str:
    """Say what is left in the temporary folder."""
    found = sum(path.is_file() for path in (folder / "temporary").rglob("*"))
    tail = "traceback" if "Traceback" in text else (text.strip().splitlines() or ["nothing said"])[-1]
    return f"{found} temporary files left; {tail}"


def kept(folder: Path, text: str) -> str:
    """Say whether the user's file is still there."""
    return "" if (folder / "keep" / "letter.txt").exists() else "**the user's folder was deleted**"


def in_the_way(*command: str) -> Callable[[Path], list[str]]:
    """Return a maker of a user's folder, and the command that is told to write there."""

    def make(folder: Path) -> list[str]:
        (folder / "keep").mkdir()
        (folder / "keep" / "letter.txt").write_text("mine")
        return list(command)

    return make


def trap(folder: Path, *names: str) -> None:
    """Put modules into the current folder that leave a mark."""
    line = f"open({str(folder / 'mark')!r}, 'a').write(__name__)\n"
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(line)


def with_trap(command: list[str], *names: str) -> Callable[[Path], list[str]]:
    """Return a maker of a folder with such modules."""

    def make(folder: Path) -> list[str]:
        trap(folder, *names)
        return command

    return make


def crashing(*command: str) -> Callable[[Path], list[str]]:
    """Return a maker of a bundle whose int8 TFLite file ends LiteRT."""

    def make(folder: Path) -> list[str]:
        crashing_bundle(folder / "bundle")
        shutil.copy(PRETRAINED / "selftest" / "large.jpg", folder / "a.jpg")
        return [*command, *GIFT]

    return make


def endless(*command: str) -> Callable[[Path], list[str]]:
    """Return a maker of a bundle whose ONNX file loops for ever."""

    def make(folder: Path) -> list[str]:
        one_file(folder, endless_onnx())
        return [*command, *GIFT]

    return make


def one_file(folder: Path, content: bytes) -> None:
    """Write a bundle on 16 x 16 pictures with one float32 ONNX file."""
    source = json.loads((PRETRAINED / "manifest.json").read_text())
    file = next(file for file in source["files"] if file["format"] == "onnx")
    file |= {"path": "model.onnx", "precision": "float32", "drift": {}}
    file["input"] |= {"dtype": "float32", "shape": [1, 16, 16, 3]}
    file["output"] |= {"dtype": "float32", "shape": [1, 2]}
    source |= {"labels": ["a", "b"], "files": [file], "selftest": source["selftest"][:1]}
    source["selftest"][0]["scores"] = {"model.onnx": [0.5, 0.5]}
    source["preprocessing"] |= {"width": 16, "height": 16}
    (folder / "bundle" / "selftest").mkdir(parents=True)
    path = source["selftest"][0]["path"]
    shutil.copy(PRETRAINED / path, folder / "bundle" / path)
    (folder / "bundle" / "manifest.json").write_text(json.dumps(source))
    put_file(folder / "bundle", "model.onnx", content)


def weights_elsewhere(folder: Path) -> list[str]:
    """Write a bundle whose ONNX file reads its weights from the current folder."""
    from onnx import helper

    scores = helper.make_node("Add", ["sums", "hidden"], ["scores"])
    one_file(folder, onnx_model([scores], [elsewhere("hidden", (1, 2), "w.bin")]).SerializeToString())
    (folder / "w.bin").write_bytes(np.array([5000, 7000], np.float32).tobytes())
    shutil.copy(PRETRAINED / "selftest" / "large.jpg", folder / "a.jpg")
    return ["catdog-edge", "classify", *GIFT, "a.jpg"]


def garbage_beside(folder: Path) -> list[str]:
    """Write a bundle with a second int8 ONNX file, which is garbage."""
    target = bundle(folder)
    values = json.loads((target / "manifest.json").read_text())
    file = dict(next(file for file in values["files"] if file["format"] == "onnx"))
    values["files"].append(file | {"path": "second.onnx"})
    for picture in values["selftest"]:
        picture["scores"]["second.onnx"] = picture["scores"][file["path"]]
    (target / "manifest.json").write_text(json.dumps(values))
    put_file(target, "second.onnx", bytes(1000))
    return ["catdog-edge", "selftest", *GIFT, "--backend", "onnxruntime"]


def other_format(folder: Path) -> list[str]:
    """Write a bundle whose TFLite file is called ONNX."""
    target = bundle(folder)
    values = json.loads((target / "manifest.json").read_text())
    for file in values["files"]:
        file["format"] = "onnx"
    (target / "manifest.json").write_text(json.dumps(values))
    return ["catdog-edge", "selftest", *GIFT, "--backend", "onnxruntime"]


def text_of(change: Callable[[str], str]) -> Callable[[Path], list[str]]:
    """Return a maker of a bundle whose manifest's text is changed."""

    def make(folder: Path) -> list[str]:
        manifest = bundle(folder) / "manifest.json"
        manifest.write_text(change(manifest.read_text()))
        return ["catdog-edge", "info", *GIFT]

    return make


def sparse(name: str, size: int) -> Callable[[Path], list[str]]:
    """Return a maker of a bundle with a file that is a large hole."""

    def make(folder: Path) -> list[str]:
        target = bundle(folder)
        if name != "manifest.json":
            values = json.loads((target / "manifest.json").read_text())
            for file in values["files"]:
                file["size_bytes"] = size if file["path"] == name else file["size_bytes"]
            (target / "manifest.json").write_text(json.dumps(values))
        os.truncate(target / name, size)
        return ["catdog-edge", "info", *GIFT]

    return make


def hostile_run(folder: Path) -> list[str]:
    """Write class folders whose names are scripts, and train on them."""
    data = pictures(folder / "data", SCRIPT, "dog")
    options = [
        "--image-size",
        "32",
        "--epochs",
        "1",
        "--batch-size",
        "8",
        "--test-fraction",
        "0.4",
        "--name",
        "run",
    ]
    return ["catdog-train", "--data", str(data), *options]


def hostile_export(folder: Path) -> list[str]:
    """Export that run under a name that is a script."""
    return ["catdog-export", "--run", "runs/run", "--name", f"<img src=x onerror={HIT}>", "--max-drop", "1"]


def hostile_benchmark(folder: Path) -> list[str]:
    """Benchmark a bundle whose name and labels are scripts, with pictures whose names are."""
    bundle(folder, name=f"<script>{HIT}</script>", labels=[SCRIPT, "dog", "neither"])
    data = pictures(folder / "data", "dog", count=4)
    for number, path in enumerate(sorted((data / "dog").iterdir())):
        path.rename(path.with_name(f"a`<img src=x onerror={HIT}>`{number}.png"))
    return ["catdog-bench", "run", *GIFT, "--data", "data", *BENCH]


def odd_names(*command: str) -> Callable[[Path], list[str]]:
    """Return a maker of a picture whose name a terminal would obey."""

    def make(folder: Path) -> list[str]:
        shutil.copy(PRETRAINED / "selftest" / "large.jpg", folder / f"{ESCAPES.replace('/', '')}.jpg")
        (folder / f"broken{ESCAPES}.jpg").write_bytes(b"no picture")
        return [*command, "."]

    return make


def odd_bundle(**changes: Any) -> Callable[[Path], list[str]]:
    """Return a maker of a bundle with such a name or label."""

    def make(folder: Path) -> list[str]:
        bundle(folder, **changes)
        return ["catdog-edge", "info", *GIFT]

    return make


def odd_report(folder: Path) -> list[str]:
    """Write a benchmark report in which a model file has such a name."""
    golden = json.loads((Path(__file__).parents[1] / "tests/benchmarks/golden/report-1.json").read_text())
    (folder / "report").mkdir()
    text = json.dumps(golden).replace('"model.int8.tflite"', json.dumps(ESCAPES))
    (folder / "report" / "report.json").write_text(text)
    return ["catdog-bench", "recommend", "report"]


def odd_data(kind: str) -> Callable[[Path], None]:
    """Return a maker of one entry in a folder of pictures that is no picture."""

    def make(path: Path) -> None:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "sparse":
            path.touch()
            os.truncate(path, 3 * 2**30)
        else:
            shutil.copy(PRETRAINED / "selftest" / "large.jpg", path.with_name("a\nb.jpg"))

    return make


def met(kind: str, *command: str) -> Callable[[Path], list[str]]:
    """Return a maker of class folders with such an entry, and the command that reads them."""

    def make(folder: Path) -> list[str]:
        data = pictures(folder / "data", "cat", "dog")
        odd_data(kind)(data / "cat" / "x.jpg")
        return list(command)

    return make


def bomb(folder: Path) -> list[str]:
    """Write a Keras file of 1 MB whose description of the network becomes 1 GB."""
    with zipfile.ZipFile(folder / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("metadata.json", "model.weights.h5"):
            archive.writestr(name, "{}")
        with archive.open("config.json", "w") as member:
            for _ in range(1000):
                member.write(b" " * 1_000_000)
            member.write(b"{}")
    pictures(folder / "data", "cat", "dog")
    return ["catdog-export", "--keras", "model.keras", "--test", "data", "--calibration", "data", "--name", "x"]


def report_of(text: str) -> Callable[[Path], list[str]]:
    """Return a maker of a report.json of this text."""

    def make(folder: Path) -> list[str]:
        (folder / "report").mkdir()
        (folder / "report" / "report.json").write_text(text)
        return ["catdog-bench", "recommend", "report"]

    return make


def interrupted(folder: Path) -> list[str]:
    """Benchmark with a temporary folder of its own, until SIGTERM comes."""
    (folder / "temporary").mkdir()
    pictures(folder / "data", "cat", "dog")
    return ["catdog-bench", "run", "--data", "data", "--rounds", "1000000", "--threads", "1", "--out", "report"]


def has_temporary(folder: Path) -> bool:
    """Say whether the benchmark has written into its temporary folder."""
    return any(path.is_file() for path in (folder / "temporary").rglob("*"))


def plain(*command: str) -> Callable[[Path], list[str]]:
    """Return a maker of a picture and the command that takes it."""

    def make(folder: Path) -> list[str]:
        shutil.copy(PRETRAINED / "selftest" / "large.jpg", folder / "a.jpg")
        pictures(folder / "data", "cat", "dog")
        return list(command)

    return make
