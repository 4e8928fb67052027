"""Make edge_runtime/pretrained/ from the int8 files of a bundle.

Usage: python scripts/pretrained.py BUNDLE
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from edge_runtime.atomic_folder import whole_folder
from edge_runtime.bundle import MANIFEST, SELFTEST, Precision, read_bundle
from edge_runtime.teaching.examples import FEATURES, KEY

CARD, TARGET = Path("models/compact/MODEL_CARD.md"), Path("edge_runtime/pretrained")


def main(source: Path, target: Path = TARGET) -> None:
    """Write the manifest of the int8 files, and copy these, the features, the self-test pictures and the card."""
    bundle = read_bundle(source)
    files = tuple(file for file in bundle.files if file.precision is Precision.INT8)
    names = {file.path for file in files}
    selftest = tuple(
        replace(picture, scores={name: scores for name, scores in picture.scores.items() if name in names})
        for picture in bundle.selftest
    )
    shipped = replace(bundle.manifest, files=files, selftest=selftest)
    with whole_folder(target, marker=MANIFEST) as folder:
        (folder / MANIFEST).write_text(json.dumps(shipped.to_dict(), indent=1) + "\n", encoding="utf-8")
        shutil.copytree(source / SELFTEST, folder / SELFTEST)
        kept = [source / FEATURES] if KEY in shipped.extra else []
        for path in (*(source / name for name in names), *kept, CARD):
            shutil.copy(path, folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
