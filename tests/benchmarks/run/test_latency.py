"""Sessions of real processes: what they measure, what they leave out, and what is there when they are stopped."""

import os
import signal
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.run import latency
from benchmarks.run.latency import list_configurations, thread_sweep
from benchmarks.run.record import STAGES, STARTS
from edge_runtime.bundle import read_bundle
from edge_runtime.parallel import usable_cores
from tests.benchmarks.conftest import session_of


def quiet(done, total):
    """Hear of a step and do nothing."""


@pytest.fixture
def paths(pictures):
    return sorted(pictures.rglob("*.png"))


@pytest.fixture
def few_starts(monkeypatch):
    """Start each process twice where starts are not what a test is about."""
    monkeypatch.setattr(latency, "STARTED", 2)


def children_of(session):
    """Return the process numbers of a session's workers by their names."""
    return {name: process._process.pid for name, process in session._processes.items()}


def kill(number):
    """Kill a process as the kernel does when memory runs out, and wait until it is dead."""
    os.kill(number, signal.SIGKILL)
    os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)


def test_starts_are_as_many_as_a_median_needs():
    """Proves that a single slow start, as the first one from disk is, does not become the figure."""
    assert latency.STARTED >= 3


def test_the_sweep_of_threads_ends_with_the_cores():
    """Proves that one thread is in it, none is twice, and the last is the number of cores."""
    sweep = thread_sweep()
    assert sweep[0] == 1
    assert sweep[-1] == usable_cores()
    assert sorted(set(sweep)) == list(sweep)


@pytest.mark.parametrize(
    ("cores", "sweep"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (6, (1, 2, 4, 6))]
)
def test_the_sweep_on_other_machines(monkeypatch, cores, sweep):
    """Proves that it has the powers of two up to the cores, and the cores themselves."""
    monkeypatch.setattr(latency, "usable_cores", lambda: cores)
    assert thread_sweep() == sweep


def test_every_file_with_every_number_of_threads(bench_bundle):
    """Proves that two files and three numbers are six configurations, each with its own name."""
    found = list_configurations(read_bundle(bench_bundle), (1, 2, 4))
    assert [(item.precision, item.threads) for item in found if item.name.split()[1] == "litert"] == [
        (precision, threads) for threads in (1, 2, 4) for precision in ("int8", "float32")
    ]
    assert len({item.name for item in found}) == len(found)
    assert {(item.file, item.format) for item in found} == {
        ("model.int8.tflite", "tflite"),
        ("model.float32.tflite", "tflite"),
    }
    assert list_configurations(read_bundle(bench_bundle), ()) == ()


@pytest.mark.usefixtures("few_starts")
def test_a_whole_session(bench_bundle, paths):
    """Proves that each file has its starts, rounds and memory, and that the fastest comes first."""
    starts, rounds = [], []
    with session_of(bench_bundle, paths) as session:
        session.start(lambda done, total: starts.append((done, total)))
        assert session.measured() == ()  # nothing is timed yet
        session.time(7, lambda done, total: rounds.append((done, total)))
        session.weigh()
    found = session.measured()
    assert {item.configuration.precision for item in found} == {"float32", "int8"}
    for item in found:
        assert {name: len(times) for name, times in item.starts_ms.items()} == dict.fromkeys(
            STARTS, latency.STARTED
        )
        assert {name: len(times) for name, times in item.stages_ms.items()} == dict.fromkeys(STAGES, 7)
        assert min(min(times) for times in item.stages_ms.values()) > 0
        assert item.size_bytes == (bench_bundle / item.configuration.file).stat().st_size
        assert 10 < item.steady_mib <= item.peak_mib < 400
    assert found[0].total.median_ms <= found[1].total.median_ms
    assert starts == [(number, 4) for number in range(4)]
    assert rounds == [(number, 7) for number in range(8)]
    assert session.left_out == []


@pytest.mark.usefixtures("few_starts")
def test_about_how_long_a_round_takes(float_bundle, paths):
    """Proves that the estimate is two classifications of each configuration, in seconds; pauses are told apart."""
    with session_of(float_bundle, paths) as session:
        estimate = session.start(quiet)
        session.time(5, quiet)
        assert session.pauses_s == latency.SETTLE_S
    median_s = session.measured()[0].total.median_ms / 1e3
    assert 2 * median_s / 20 < estimate < 2 * median_s * 20


@pytest.mark.usefixtures("few_starts")
def test_all_processes_are_gone_after_the_block(bench_bundle, paths):
    """Proves that every worker ends with the session."""
    with session_of(bench_bundle, paths) as session:
        session.start(quiet)
        numbers = list(children_of(session).values())
        assert len(numbers) == 2
    for number in numbers:
        assert not Path(f"/proc/{number}").exists()


@pytest.mark.usefixtures("few_starts")
def test_rounds_take_the_pictures_in_turn(float_bundle, paths, tmp_path):
    """Proves that three pictures serve six rounds: the large one is slow in rounds three and six."""
    from PIL import Image

    large = tmp_path / "large.png"
    Image.effect_noise((3000, 2000), 60).convert("RGB").save(large, compress_level=1)
    with session_of(float_bundle, [*paths[:2], large]) as session:
        session.start(quiet)
        session.time(6, quiet)
    decode = session.measured()[0].stages_ms["decode"]
    slow = sorted(range(6), key=lambda number: -decode[number])[:2]
    assert sorted(slow) == [2, 5]


@pytest.mark.usefixtures("few_starts")
def test_stopped_in_the_rounds_all_have_as_many(bench_bundle, paths):
    """Proves that after three of a thousand rounds both files have three, and memory can still be asked for."""

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with session_of(bench_bundle, paths) as session:
        session.start(quiet)
        with pytest.raises(KeyboardInterrupt):
            session.time(1000, stop)
        session.weigh()
    assert [item.rounds for item in session.measured()] == [3, 3]
    assert all(item.steady_mib > 10 for item in session.measured())


@pytest.mark.usefixtures("few_starts")
def test_stopped_in_the_middle_of_a_question_memory_is_still_memory(float_bundle, paths):
    """Proves that an answer that a second Ctrl-C left in the pipe is not taken for the next one."""
    with session_of(float_bundle, paths) as session:
        session.start(quiet)
        session.time(4, quiet)
        (process,) = session._processes.values()
        process._process.stdin.write(latency._question(paths[0]).encode() + b"\n")
        process._process.stdin.flush()
        process._unanswered = 1  # as `ask` leaves it when it is stopped
        session.weigh()
    assert session.measured()[0].steady_mib > 10


@pytest.mark.usefixtures("few_starts")
def test_a_process_that_dies_in_the_rounds_is_left_out(bench_bundle, paths):
    """Proves that the other file goes on to the end, and the reason names what died and how."""
    with session_of(bench_bundle, paths) as session:
        session.start(quiet)
        numbers = children_of(session)
        doomed = next(name for name in numbers if "int8" in name)
        session.time(5, lambda done, total: kill(numbers[doomed]) if done == 2 else None)
        session.weigh()
    (item,) = session.measured()
    assert (item.configuration.precision, item.rounds) == ("float32", 5)
    ((name, reason),) = session.left_out
    assert name == doomed
    assert "signal 9" in reason


@pytest.mark.usefixtures("few_starts")
def test_when_all_die_that_is_an_error(float_bundle, paths):
    """Proves that nothing that could be written is left, so the run ends with the reason."""
    with session_of(float_bundle, paths) as session:
        session.start(quiet)
        (number,) = children_of(session).values()
        with pytest.raises(BenchmarkError, match="signal 9"):
            session.time(5, lambda done, total: kill(number) if done == 1 else None)


@pytest.mark.usefixtures("few_starts")
def test_a_picture_that_vanishes_costs_no_traceback(float_bundle, paths):
    """Proves that every worker ends when a picture is gone in the middle, and the error names the picture."""
    with session_of(float_bundle, paths[:2]) as session:
        session.start(quiet)
        paths[1].unlink()
        with pytest.raises(BenchmarkError, match=paths[1].name):
            session.time(5, quiet)


@pytest.mark.usefixtures("few_starts")
def test_a_damaged_file_is_left_out_without_the_folders_path(bench_bundle, paths):
    """Proves that its reason is in the report, which may be published: the place of the bundle is not."""
    (bench_bundle / "model.int8.tflite").write_bytes(b"x")
    with session_of(bench_bundle, paths) as session:
        session.start(quiet)
    ((name, reason),) = session.left_out
    assert name.startswith("model.int8.tflite litert")
    assert "model.int8.tflite" in reason
    assert str(bench_bundle) not in reason


def test_when_nothing_starts_every_reason_is_told(bench_bundle, paths):
    """Proves that both files are named with what is wrong with them."""
    for path in bench_bundle.glob("*.tflite"):
        path.write_bytes(b"x")
    with (
        session_of(bench_bundle, paths) as session,
        pytest.raises(BenchmarkError, match="no file of the bundle") as error,
    ):
        session.start(quiet)
    for name in ("model.int8.tflite", "model.float32.tflite"):
        assert name in str(error.value)


def test_a_bundle_that_nothing_here_can_run_is_an_error(bench_bundle, paths):
    """Proves that no configuration at all, as without any backend, is the same error and no empty report."""
    with (
        session_of(bench_bundle, paths, threads=()) as session,
        pytest.raises(BenchmarkError, match="no file of the"),
    ):
        session.start(quiet)


@pytest.mark.usefixtures("few_starts")
@pytest.mark.parametrize(("available", "room"), [(None, True), (1.0, False)])
def test_a_process_stays_only_where_memory_has_room_for_it(monkeypatch, float_bundle, paths, available, room):
    """Proves that it stays where the system does not say, and is left out with both figures where it is full."""
    monkeypatch.setattr(latency, "available_memory_mib", lambda: available)
    with session_of(float_bundle, paths) as session:
        if room:
            session.start(quiet)
            assert session.left_out == []
            return
        with pytest.raises(BenchmarkError, match="1 MiB are available"):
            session.start(quiet)
        assert children_of(session) == {}
