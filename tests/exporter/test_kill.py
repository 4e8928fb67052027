"""An export killed or stopped leaves the old bundle or the new one, whole, and the next export clears up."""

import hashlib
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_runtime import read_bundle
from exporter.export import ExportPlan, export
from tests.exporter.conftest import Stages, environment, export_command, target

PATIENCE_S = 120
OLD = {"manifest.json": b"{}", "model.int8.tflite": b"old weights", "report.md": b"# old"}


def line(text: str):
    """Return a moment: this line has come on standard error."""
    return lambda folder, said: any(found.startswith(text) for found in said)


def being_written(name: str):
    """Return a moment: this file is in the folder that is to become the bundle."""
    return lambda folder, said: any(folder.parent.glob(f".{folder.name}.*.partial/{name}"))


def replaced(folder: Path, said: list[str]) -> bool:
    """Tell whether the new bundle has just taken the old one's place."""
    return (folder / "MODEL_CARD.md").exists()


MOMENTS = {
    "scoring with Keras": line("reading test pictures"),
    "converting": line("scoring with Keras"),
    "writing the bundle": being_written("differences.png"),
    "bundle in its place": replaced,
}


@pytest.fixture(scope="module")
def killed(run_folder, tmp_path_factory):
    """For each moment the bundle's folder after the kill, and the exit status; two at a time."""

    def kill(moment: str) -> tuple[Path, int]:
        folder = tmp_path_factory.mktemp("kill") / "bundles" / "b"
        folder.mkdir(parents=True)
        for name, content in OLD.items():
            (folder / name).write_bytes(content)
        return folder, end_at(MOMENTS[moment], run_folder, folder, signal.SIGKILL)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MOMENTS, pool.map(kill, MOMENTS), strict=True))


def end_at(moment, run_folder: Path, folder: Path, number: signal.Signals) -> int:
    """Start an export over `folder`, send it a signal at a moment, and return its exit status."""
    options = ("--run", run_folder, "--format", "tflite", "--name", folder.name, "--bundles", folder.parent)
    log = folder.parent.parent / "stderr.txt"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            export_command(*options), stdout=subprocess.DEVNULL, stderr=stderr, env=environment()
        )
        start = time.monotonic()
        while process.poll() is None and not moment(folder, log.read_text().splitlines()):
            assert time.monotonic() - start < PATIENCE_S, log.read_text()
            time.sleep(0.002)
        process.send_signal(number)
        return process.wait()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("moment", [name for name in MOMENTS if name != "bundle in its place"])
def test_before_the_end_the_old_bundle_stays(killed, moment):
    """Proves that every byte of the old bundle is there, and what was unfinished is hidden beside it."""
    folder, status = killed[moment]
    assert status == -signal.SIGKILL
    assert content(folder) == OLD
    assert all(path.name.startswith(".b.") for path in folder.parent.iterdir() if path != folder)


def test_at_the_end_the_new_bundle_is_whole(killed):
    """Proves that a new bundle, killed as soon as it is in place, has every file with its manifest's hashes."""
    folder, status = killed["bundle in its place"]
    assert status in (-signal.SIGKILL, 4)  # 4: it was done first
    bundle = read_bundle(folder)
    for file in bundle.files:
        assert hashlib.sha256((folder / file.path).read_bytes()).hexdigest() == file.sha256
    names = set(content(folder))
    assert names >= {"MODEL_CARD.md", "report.md", "report.html", "calibration.json", "operators.json"}
    assert not names & {name for name in OLD if name not in ("manifest.json", "model.int8.tflite", "report.md")}
    assert content(folder)["report.md"] != OLD["report.md"]


def test_the_kill_left_something_to_clear(killed):
    """Proves that the kill while the bundle was written left a folder behind, for the next test to find."""
    folder, _ = killed["writing the bundle"]
    assert any(path.name.endswith(".partial") for path in folder.parent.iterdir())


@pytest.mark.parametrize("moment", ["converting", "writing the bundle", "bundle in its place"])
def test_the_next_export_clears_up(killed, source, moment):
    """Proves that after the next export the bundle of that name is alone, whole and new."""
    folder, _ = killed[moment]
    wanted = ExportPlan((target("tflite", "float32"),))
    export(source, folder, wanted, observer=Stages([]))
    assert [path.name for path in folder.parent.iterdir()] == ["b"]
    assert [file.path for file in read_bundle(folder).files] == ["model.float32.tflite"]


def test_ctrl_c_is_exit_code_130_and_no_bundle(run_folder, tmp_path):
    """Proves that an export stopped while it converts says so in its last line and leaves nothing behind."""
    folder = tmp_path / "bundles" / "b"
    assert end_at(MOMENTS["converting"], run_folder, folder, signal.SIGINT) == 130
    lines = (tmp_path / "stderr.txt").read_text().splitlines()
    assert lines[-1] == "stopped; no bundle was written"
    assert not any("Traceback" in line for line in lines)
    assert not folder.parent.exists()


def test_sigterm_is_exit_code_143_and_leaves_nothing(run_folder, tmp_path):
    """Proves that a scheduler that ends an export finds no temporary folder afterwards."""
    folder = tmp_path / "bundles" / "b"
    assert end_at(MOMENTS["converting"], run_folder, folder, signal.SIGTERM) == 143
    assert not folder.parent.exists()
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
