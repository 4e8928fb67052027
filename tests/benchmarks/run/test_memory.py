"""Memory figures of real processes that take known amounts."""

import sys
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.run.memory import memory_mib, peak_of_script_mib

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="read from /proc, which Linux has")
PYTHON = Path(sys.executable)


@pytest.fixture
def script(tmp_path):
    """Writes a script of these lines and returns its path."""

    def write(*lines):
        path = tmp_path / "script.py"
        path.write_text("\n".join(lines))
        return path

    return write


def test_memory_now_grows_and_shrinks_with_what_is_held():
    """Proves that 64 MiB more are seen while they are held, and are gone afterwards."""
    before = memory_mib()
    held = bytearray(b"x" * (64 * 2**20))
    during = memory_mib()
    del held
    assert during - before == pytest.approx(64, abs=8)
    assert memory_mib() < during - 32


def test_the_peak_never_falls():
    """Proves that what was freed stays in the peak, which is never under what is held now."""
    held = bytearray(b"x" * (64 * 2**20))
    high = memory_mib("VmHWM")
    del held
    assert memory_mib("VmHWM") >= high
    assert high >= memory_mib()


@pytest.mark.parametrize("mib", [50, 100])
def test_the_peak_of_a_script_holds_what_it_took(script, mib):
    """Proves that memory that a script took and gave back is in its peak, all of it and no more."""
    idle = peak_of_script_mib(PYTHON, script("pass"))
    busy = peak_of_script_mib(PYTHON, script(f"held = b'x' * ({mib} * 2**20)", "del held"))
    assert busy - idle == pytest.approx(mib, abs=8)


def test_the_peak_is_not_that_of_the_parent(script):
    """Proves that a parent that holds 300 MiB does not lend them to its child, as the count of wait4 would."""
    held = bytearray(b"x" * (300 * 2**20))
    assert peak_of_script_mib(PYTHON, script("pass")) < 100
    del held


@pytest.mark.parametrize("end", ["pass", "import sys; sys.exit(0)", "import os; os._exit(0)"])
def test_every_way_to_end_is_counted(script, end):
    """Proves that a script that runs out, exits, or leaves past `atexit`, as catdog-edge does, has a peak."""
    assert 3 < peak_of_script_mib(PYTHON, script(end)) < 100


def test_a_script_gets_its_arguments_and_is_the_main_module(script, tmp_path):
    """Proves that it sees its own name and what follows, as on a command line."""
    out = tmp_path / "out"
    path = script("import sys", "if __name__ == '__main__':", "    open(sys.argv[2], 'w').write(repr(sys.argv))")
    peak_of_script_mib(PYTHON, path, "a b", str(out))
    assert out.read_text() == repr([str(path), "a b", str(out)])


def test_what_a_script_writes_does_not_disturb_the_count(script):
    """Proves that words on standard error, even those of the count, come before the figure."""
    found = peak_of_script_mib(
        PYTHON, script("import sys", "sys.stderr.write('VmHWM 7 kB\\n')", "print('VmHWM 7')")
    )
    assert 3 < found < 100


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import sys; sys.exit('bad wolf')", "bad wolf"),
        ("import os; os._exit(4)", r"script\.py"),
        ("import os; os.kill(os.getpid(), 9)", r"script\.py"),
    ],
)
def test_a_script_that_fails_is_named_with_its_last_words(script, line, words):
    """Proves that a failure is an error whatever its kind, and no figure."""
    with pytest.raises(BenchmarkError, match=words) as error:
        peak_of_script_mib(PYTHON, script(line))
    assert "script.py" in str(error.value)
    assert len(str(error.value)) < 600
