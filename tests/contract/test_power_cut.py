"""Every writer of results has them on the disk when it is done: seen by copying the disk at that moment."""

import hashlib
from pathlib import Path

from benchmarks.report.folder import write_folder
from benchmarks.run.record import read_report
from edge_runtime import Preprocessing, read_bundle
from tests.benchmarks.records import full_report
from tests.disks import after_a_power_cut
from tests.exporter.conftest import run_export
from trainer.data.cache import cache_pictures
from trainer.data.sample import write_sample


def test_an_export_survives(disk: tuple[Path, Path], tmp_path: Path, run_folder: Path) -> None:
    """Proves with the real command, also over an old bundle, that the disk has every file with its hash."""
    folder, image = disk
    for options in (("--quantize", "none"), ("--quantize", "int8")):
        arguments = ("--run", run_folder, "--format", "tflite", "--max-drop", "0.9", *options)
        done = run_export(*arguments, "--calibration-count", "8", "--name", "b", cwd=folder)
        assert done.returncode in (0, 4), done.stderr  # 4: so short a training is no better than guessing
        with after_a_power_cut(image, tmp_path) as left:
            bundle = read_bundle(left / "bundles" / "b")
            assert len(bundle.files) == (2 if "int8" in options else 1)
            for file in bundle.files:
                bundle.read(file)
            for name in ("report.md", "report.html", "keras_scores.csv", "MODEL_CARD.md"):
                path = Path("bundles", "b", name)
                assert (left / path).read_bytes() == (folder / path).read_bytes()


def test_a_benchmark_report_survives(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that a report, and a second one over it, is read back from the disk as it was written."""
    folder, image = disk
    for rounds in (20, 30):
        report = full_report(rounds=rounds)
        write_folder(folder / "reports" / "b", report, photographs=None, preprocessing=Preprocessing(16, 16))
        with after_a_power_cut(image, tmp_path) as left:
            assert read_report(left / "reports" / "b") == read_report(folder / "reports" / "b")
            assert read_report(left / "reports" / "b").rounds == rounds


def test_pictures_and_their_cache_survive(disk: tuple[Path, Path], tmp_path: Path) -> None:
    """Proves that drawn pictures are whole on the disk, and that a cache there serves every picture."""
    folder, image = disk
    data = write_sample(folder / "drawn", count_per_class=8)
    paths = sorted(data.rglob("*.jpg"))
    cached = cache_pictures(paths, Preprocessing(32, 32), cache=folder / "cache")
    with after_a_power_cut(image, tmp_path) as left:
        for path in paths:
            there = left / path.relative_to(folder)
            assert hashlib.sha256(there.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()
        again = cache_pictures(paths, Preprocessing(32, 32), cache=left / "cache")
        assert again.entries == cached.entries
        assert (again.pixels == cached.pixels).all()
