"""Put faults into copies of the project, one at a time, and see that a test notices each: make mutation-check.

Usage: python scripts/mutation_check.py [RESULTS.json]

First the tests must pass without any fault. After that, a test that fails has noticed the fault. A fault that only
keeps tests from running, such as an error of syntax, does not count. The exit code is 1 when a fault goes
unnoticed. RESULTS.json gets the tests that noticed each fault, for docs/measurements/parity.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIXELS = ("tests/edge_runtime/picture/test_preprocessing.py", "tests/contract/test_one_picture.py")
ANSWERS = ("tests/edge_runtime/backends/test_backends.py", "tests/edge_runtime/test_classifier.py")
# A small network trained, exported and compared with Keras.
SCORES = ("tests/contract/test_parity.py::test_every_file_scores_as_keras[trained]",)


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Args:
        name: what is wrong.
        path: the file to change.
        old: text that is there once.
        new: what to write instead.
        tests: what to run.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "channels in the order BGR",
        "edge_runtime/picture/preprocessing.py",
        "return np.asarray(image)",
        "return np.ascontiguousarray(np.asarray(image)[..., ::-1])",
        PIXELS,
    ),
    Mutation(
        "another resize filter",
        "edge_runtime/picture/preprocessing.py",
        "Image.Resampling[preprocessing.resize_filter.name]",
        "Image.Resampling.BOX",
        PIXELS,
    ),
    Mutation(
        "EXIF orientation not applied",
        "edge_runtime/picture/decoding.py",
        "return value if isinstance(value, int) else 1",
        "return 1",
        PIXELS,
    ),
    Mutation(
        "divided by 255 twice",
        "exporter/network/model.py",
        "lambda image: model(image, training=False)",
        "lambda image: model(image / 255, training=False)",
        SCORES,
    ),
    Mutation(
        "labels swapped",
        "edge_runtime/bundle/scores.py",
        "np.concatenate([1 - outputs, outputs], axis=-1)",
        "np.concatenate([outputs, 1 - outputs], axis=-1)",
        ANSWERS + SCORES,
    ),
    Mutation(
        "zero point of int8 scores shifted",
        "edge_runtime/backends/interpreter.py",
        "np.float32(self.output.zero_point)",
        "np.float32(self.output.zero_point + 16 * (self.output.scale > 0))",
        ANSWERS + SCORES,
    ),
    Mutation(
        "zero points written into the int8 TFLite file one step too high",
        "exporter/formats/tflite/interface.py",
        "_INT8_TO_UINT8 = 128",
        "_INT8_TO_UINT8 = 129",
        ("tests/exporter/formats/tflite/test_quantization.py::test_int8_steps_are_levels_and_256ths",),
    ),
    Mutation(
        "a layer dropped: batch normalisation removed, not folded",
        "exporter/network/folding.py",
        "self._weights[layer.name] = (kernel * scale[:, None], bias)",
        "self._weights[layer.name] = self._weights[layer.name]",
        ("tests/exporter/network/test_folding.py",),
    ),
)


def main() -> None:
    """Try every mutation and say what noticed it."""
    require_success()
    found = {mutation.name: noticed_by(mutation) for mutation in MUTATIONS}
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(found.values()) else 1)


def require_success() -> None:
    """Stop unless every selected test passes on the project as it is."""
    selected = sorted({test for mutation in MUTATIONS for test in mutation.tests})
    with tempfile.TemporaryDirectory() as folder:
        done = run_tests(copied(Path(folder) / "tree"), selected)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{done.stderr}\nexpected every test to pass without a fault")


def noticed_by(mutation: Mutation) -> list[str]:
    """Return the tests that fail with the fault, each once."""
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder) / "tree")
        apply(mutation, tree)
        done = run_tests(tree, mutation.tests)
    # 1: tests ran and some failed. Tests that could not begin, and files that could not be read, do not count.
    names = re.findall(r"^FAILED (\S+?)(?:\[.*)?(?: - .*)?$", done.stdout, re.MULTILINE)
    found = sorted({name.split("::")[-1] for name in names}) if done.returncode == 1 else []
    print(f"{mutation.name}: {', '.join(found) or 'NOT NOTICED'}", flush=True)
    return found


def run_tests(tree: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run these tests of a copy."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def copied(target: Path) -> Path:
    """Copy the files that git tracks, and those that it would track."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def apply(mutation: Mutation, tree: Path) -> None:
    """Write the fault into the copy."""
    path = tree / mutation.path
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        sys.exit(f"{mutation.path}: expected this once: {mutation.old}. Adapt scripts/mutation_check.py.")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


if __name__ == "__main__":
    main()
