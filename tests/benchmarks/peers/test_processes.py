"""The peers as processes: alone, without our code where a user would write them, and with their last words."""

import ast
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.peers import comparison
from benchmarks.peers.comparison import PROCESSES, Peer, compare_peers, list_peers
from benchmarks.peers.comparison import SCRIPTS as SCRIPTS_OF
from benchmarks.run.timing import Process
from edge_runtime.backends import installed_backends
from edge_runtime.bundle import read_bundle
from edge_runtime.bundle.folder import PRETRAINED
from tests.benchmarks.conftest import write_pictures

FOLDER = Path(comparison.__file__).parent
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "comparison", "ours"))
PEERS = list_peers(read_bundle(PRETRAINED), None) if set(SCRIPTS_OF) & set(installed_backends()) else {}


def imports(path):
    """Return the top names of what a file imports."""
    tree = ast.parse(path.read_text())
    names = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_user_would_write_knows_nothing_of_ours(path):
    """Proves that no peer borrows our code, which would make the comparison one of us with ourselves."""
    assert not imports(path) & {"edge_runtime", "trainer", "exporter", "benchmarks"}


@pytest.mark.parametrize("path", [*SCRIPTS, FOLDER / "ours.py"], ids=lambda path: path.stem)
def test_every_script_says_how_it_is_used(path):
    """Proves that a reader who wants to run one finds its arguments at its top; the loop is no script."""
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text
    assert "Usage: python" in text or path.stem == "plain_loop"


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_picture_after_picture(name, squares):
    """Proves that each is ready before it is asked, answers in order, and the same picture with the same scores."""
    peer = PEERS[name]
    with Process(f"benchmarks.peers.{peer.module}", *peer.arguments) as process:
        assert process.ready is True
        first, second, again = (process.ask(str(squares / f"{number}.png")) for number in (0, 1, 0))
    assert len(first) == 3
    assert first == again != second


@pytest.mark.parametrize("name", ["catdog-edge, LiteRT", "plain ai-edge-litert"])
def test_a_peer_that_fails_is_told_in_one_line(name, tmp_path):
    """Proves that a damaged picture ends the run with the peer's last words, and is no quick answer."""
    if name not in PEERS:
        pytest.skip("LiteRT is not installed")
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no picture")
    peer = PEERS[name]
    with (
        Process(f"benchmarks.peers.{peer.module}", *peer.arguments) as process,
        pytest.raises(BenchmarkError, match=r"damaged\.png") as caught,
    ):
        process.ask(str(damaged))
    assert "\n" not in str(caught.value)


def test_figures_of_known_times_and_answers(bench_bundle, tmp_path, monkeypatch):
    """Proves that ratios are to the right one of ours, in pairs, and that steps are reported up to the total."""
    data = write_pictures(tmp_path / "pictures", 4)
    peers = {"ours": Peer("ours", (), "ours"), "other": Peer("plain_litert", (), "ours")}
    picture_ms = {"ours": np.array([2.0, 4.0, 2.0]), "other": np.array([3.0, 6.0, 3.0])}
    process_ms = {"ours": np.array([100.0] * PROCESSES), "other": np.array([50.0] * PROCESSES)}

    def pictures(peers, found, rounds, report):
        for done in range(1, rounds + 1):
            report(done, rounds)
        right = [[0.0, 1.0] if target else [1.0, 0.0] for target in found.targets]
        return picture_ms, {"ours": right, "other": [None, *right[1:]]}

    def processes(peers, picture, report):
        report(PROCESSES, PROCESSES)
        return process_ms

    monkeypatch.setattr(comparison, "list_peers", lambda bundle, run: peers)
    monkeypatch.setattr(comparison, "_pictures", pictures)
    monkeypatch.setattr(comparison, "_processes", processes)
    steps = []
    found = compare_peers(
        bench_bundle, data, run=None, rounds=3, report=lambda done, total: steps.append((done, total))
    )
    other = found["other"]
    assert (other["picture_ratio"]["value"], other["process_ratio"]["value"]) == (1.5, 0.5)
    assert other["picture_ratio"]["interval"] == (1.5, 1.5)  # in pairs, so sure although the times differ
    assert (other["picture"]["median_ms"], other["process"]["median_ms"]) == (3.0, 50.0)
    assert (other["failed"], other["accuracy"]) == (1, pytest.approx(2 / 3))
    assert (found["ours"]["failed"], found["ours"]["accuracy"]) == (0, 1.0)
    total = 3 + PROCESSES
    assert steps == [(1, total), (2, total), (3, total), (total, total)]


def test_a_whole_process_is_from_start_to_end(monkeypatch):
    """Proves that each timed task starts the peer's module, asks for one picture and waits for its end."""
    events = []

    class Noted:
        def __init__(self, module, *arguments):
            events.append(f"start {module} {' '.join(arguments)}")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            events.append("end")

        def ask(self, line):
            events.append(f"ask {line}")

    def interleave(tasks, *, rounds, warm_up, report):
        assert (rounds, warm_up) == (PROCESSES, 0)
        for task in tasks.values():
            task()
        return {name: np.ones(rounds) for name in tasks}

    monkeypatch.setattr(comparison, "Process", Noted)
    monkeypatch.setattr(comparison, "interleave", interleave)
    peers = {"plain": Peer("plain_litert", ("model.tflite",), "plain")}
    comparison._processes(peers, Path("cat.jpg"), lambda done, total: None)
    assert events == ["start benchmarks.peers.plain_litert model.tflite", "ask cat.jpg", "end"]
