"""The memory of many classifications in one process."""

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures.soak import SAMPLES, WARM_UP, soak


def test_files_bytes_and_broken_bytes_take_turns(bench_bundle, pictures, steps):
    """Proves that errors are counted and not fatal, and that the memory is sampled from the warm-up to the end."""
    found = soak(bench_bundle, pictures, count=2000, report=steps)
    assert found["classifications"] == 2000
    assert found["errors"] == 400  # two broken ones in every ten: four files, their bytes, and these
    assert found["samples"][0][0] == WARM_UP
    assert found["samples"][-1][0] == 2000
    assert [number for number, _ in found["samples"]] == sorted({number for number, _ in found["samples"]})
    assert SAMPLES / 2 <= len(found["samples"]) <= SAMPLES + 1
    assert steps == [(number, 2000) for number, _ in found["samples"]]
    assert found["seconds"] > 0


def test_growth_is_a_share_of_the_memory_after_the_warm_up(bench_bundle, pictures):
    """Proves that growth is 0 where the memory stays, and that a leak of a tenth would show as 0.1."""
    found = soak(bench_bundle, pictures, count=WARM_UP + 200)
    first, last = found["memory_mib"]["after warm-up"], found["memory_mib"]["at the end"]
    assert found["growth"] == pytest.approx(last / first - 1)
    assert found["samples"][0] == (WARM_UP, first)
    assert abs(found["growth"]) < 0.2


def test_the_backend_is_that_which_was_asked_for(bench_bundle, pictures):
    """Proves that one picture alone is enough, and that the file in use is named."""
    found = soak(bench_bundle, pictures / "1.jpg", "litert", count=WARM_UP + 1)
    assert found["file"] == "model.int8.tflite"
    assert found["errors"] == (WARM_UP + 1) // 4 * 2 + max(0, (WARM_UP + 1) % 4 - 2)


@pytest.mark.parametrize("name", ["none", "empty"])
def test_without_pictures_nothing_is_soaked(bench_bundle, tmp_path, name):
    """Proves that a wrong folder is named, and does not become a run of nothing but errors."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchmarkError, match=f"{name}: no picture there"):
        soak(bench_bundle, tmp_path / name, count=2000)


def test_too_few_classifications_are_refused(bench_bundle, pictures):
    """Proves that growth is never told of the warm-up alone."""
    with pytest.raises(BenchmarkError, match=f"Name more than {WARM_UP} with --count"):
        soak(bench_bundle, pictures, count=WARM_UP)


def test_growth_of_known_memory(bench_bundle, pictures, monkeypatch):
    """Proves that 100 MiB after the warm-up and 110 at the end are a growth of a tenth, with samples between."""
    known = iter([100.0, *[105.0] * 3, 110.0, 110.0])
    monkeypatch.setattr("benchmarks.figures.soak.memory_mib", lambda: next(known))
    monkeypatch.setattr("benchmarks.figures.soak.SAMPLES", 5)
    found = soak(bench_bundle, pictures, count=5000)
    assert found["samples"] == [(1000, 100.0), (2000, 105.0), (3000, 105.0), (4000, 105.0), (5000, 110.0)]
    assert found["memory_mib"] == {"after warm-up": 100.0, "at the end": 110.0}
    assert found["growth"] == pytest.approx(0.1)
