"""A video watched on one core, and the decoders: on one second of a moving pattern."""

import os
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks.figures import video
from benchmarks.figures.video import FPS, HEIGHT, WIDTH, measure_decoders, measure_watch, one_core, write_pattern

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def pattern(tmp_path_factory):
    """A file of five frames."""
    return write_pattern(tmp_path_factory.mktemp("video") / "pattern.mp4", 5)


def test_the_pattern_is_a_video_of_that_size_and_speed(pattern):
    """Proves that what is watched is H.264 of 640 x 480 at 30 fps with so many frames."""
    with av.open(str(pattern)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == FPS
    assert [frame.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 5


def test_the_pattern_moves_and_has_grain(pattern):
    """Proves that frames differ, and that neighbouring pixels do: a flat picture would be decoded for nothing."""
    with av.open(str(pattern)) as container:
        first, *_, last = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert np.abs(last - first).mean() > 5
    assert np.abs(np.diff(first, axis=1)).mean() > 2


def test_one_core_is_kept_to_and_given_back():
    """Proves that the block has one core, and that all come back even after an error."""
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system has no affinity")
    cores = os.sched_getaffinity(0)
    with one_core():
        assert os.sched_getaffinity(0) == {min(cores)}
    with pytest.raises(RuntimeError), one_core():
        raise RuntimeError
    assert os.sched_getaffinity(0) == cores


def test_a_video_plays_in_its_own_time_and_at_full_speed(bench_bundle):
    """Proves that at full speed no frame is dropped, and that every frame is accounted for in its own time."""
    found = measure_watch(bench_bundle, "litert", seconds=1)
    assert found["file"] == "model.int8.tflite"
    own, full = found["own time"], found["full speed"]
    assert (full["frames"], full["classified"], full["dropped"]) == (FPS, FPS, 0)
    assert own["frames"] == own["classified"] + own["dropped"]
    assert 5 < own["fps"] < 35  # 30, on a machine with nothing else to do
    assert full["fps"] > own["fps"]
    assert min(own["processor_ms_a_frame"], full["processor_ms_a_frame"]) > 0


def test_decoders_take_turns():
    """Proves that each decoder has its passes. The next test sees what a pass does, without a clock."""
    found = measure_decoders(seconds=1, rounds=3)
    assert list(found)[:2] == ["PyAV", "PyAV, frames dropped"]
    assert {stats["count"] for stats in found.values()} == {3}
    assert all(stats["median_ms"] > 0 for stats in found.values())


def test_a_decoder_meets_every_frame(pattern, monkeypatch):
    """Proves that both ways of PyAV read all frames, and that only one of them converts each."""
    read, converted = [], []

    class Frame:
        def convert(self):
            converted.append(self)

    @contextmanager
    def opened(path):
        frames = [Frame() for _ in range(5)]
        yield (read.append(frame) or frame for frame in frames)

    monkeypatch.setattr(video, "opened_video", opened)
    video._with_pyav(pattern, convert=False)
    assert (len(read), len(converted)) == (5, 0)
    video._with_pyav(pattern, convert=True)
    assert converted == read[5:]
