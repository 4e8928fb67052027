"""Break the project on purpose, one fault at a time in a copy, and see that a test notices: make mutation-check.

Exit code 1 when a fault goes unnoticed. With a path as argument, what noticed each fault is kept there as JSON for
docs/parity.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIXELS = ("tests/edge_runtime/test_preprocessing.py", "tests/contract/test_one_picture.py")
ANSWERS = ("tests/edge_runtime/test_backends.py", "tests/edge_runtime/test_classifier.py")
SCORES = ("tests/contract/test_parity.py::test_every_file_scores_as_keras",)


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
        "edge_runtime/preprocessing.py",
        "return np.asarray(image)",
        "return np.ascontiguousarray(np.asarray(image)[..., ::-1])",
        PIXELS,
    ),
    Mutation(
        "another resize filter",
        "edge_runtime/preprocessing.py",
        "Image.Resampling[preprocessing.resize_filter.name]",
        "Image.Resampling.BOX",
        PIXELS,
    ),
    Mutation(
        "EXIF orientation not applied",
        "edge_runtime/picture.py",
        "return value if isinstance(value, int) else 1",
        "return 1",
        PIXELS,
    ),
    Mutation(
        "divided by 255 twice",
        "exporter/keras_model.py",
        "lambda image: model(image, training=False)",
        "lambda image: model(image / 255, training=False)",
        SCORES,
    ),
    Mutation(
        "labels swapped",
        "edge_runtime/classifier.py",
        "np.array([1 - outputs[0], outputs[0]], np.float32)",
        "np.array([outputs[0], 1 - outputs[0]], np.float32)",
        ANSWERS,
    ),
    Mutation(
        "zero point of int8 scores shifted",
        "edge_runtime/backends/interpreter.py",
        "np.float32(self.output.zero_point)",
        "np.float32(self.output.zero_point + 16 * (self.output.scale > 0))",
        ANSWERS,
    ),
    Mutation(
        "a layer dropped: batch normalisation removed, not folded",
        "exporter/folding.py",
        "self._weights[layer.name] = (kernel * scale[:, None], bias)",
        "self._weights[layer.name] = self._weights[layer.name]",
        ("tests/exporter/test_folding.py",),
    ),
)


def main() -> None:
    """Try every mutation and say what noticed it."""
    found = {mutation.name: noticed_by(mutation) for mutation in MUTATIONS}
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(found.values()) else 1)


def noticed_by(mutation: Mutation) -> list[str]:
    """Return the tests that fail with the fault, each once."""
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder) / "tree")
        apply(mutation, tree)
        environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *mutation.tests]
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    names = re.findall(r"^(?:FAILED|ERROR) (\S+?)(?:\[\S+)?(?: - .*)?$", done.stdout, re.MULTILINE)
    found = sorted({name.split("::")[-1] for name in names})
    print(f"{mutation.name}: {', '.join(found) or 'NOT NOTICED'}", flush=True)
    return found


def copied(target: Path) -> Path:
    """Copy what git tracks or would."""
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
