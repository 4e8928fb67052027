"""A command that cannot go on ends with one line and an exit code."""

import shutil
import signal
import subprocess
from contextlib import ExitStack

import numpy as np
import pytest

from edge_runtime.terminal import ended_by_sigterm, fail, one_line_errors, quoted, say, say_exactly, show_status
from edge_runtime.visible_text import exact_bytes, visible
from tests.hostile import NAMES


def test_too_little_memory_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that too little memory ends a command with exit code 1, the size that was asked for, and advice."""
    with pytest.raises(SystemExit) as left, one_line_errors("export"):
        np.zeros(2**60, np.uint8)
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: not enough memory (Unable to allocate 1.00 EiB")
    assert line.endswith("Close other programs, or take a larger machine.")


def test_a_library_that_does_not_load_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that a library that does not load ends a command with one line and no traceback."""
    with pytest.raises(SystemExit) as left, one_line_errors("camera"):
        raise ImportError("libopenblas.so.0: cannot open shared object file")
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: libopenblas.so.0: cannot open")
    assert "catdog-edge doctor" in line


@pytest.mark.parametrize("name", NAMES)
def test_people_get_one_line_that_does_nothing(name: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Proves that a name neither moves the cursor nor adds a line, in results, errors and the status line."""
    say(f"a {name}")
    with pytest.raises(SystemExit):
        fail(name)
    show_status(f"{name} is seen")
    show_status("")
    out, err = capfdbinary.readouterr()
    assert out.decode() == f"a {visible(name)}\n"
    error, _, status = err.decode().partition("\n")
    assert error == f"error: {visible(name)}"
    assert status == f"\r{f'{visible(name)} is seen'[:79]}\x1b[K\r\x1b[K"


@pytest.mark.parametrize("name", NAMES)
def test_scripts_get_the_name_as_it_is(name: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Proves that JSON and CSV have each character."""
    say_exactly(name)
    assert capfdbinary.readouterr().out == exact_bytes(name) + b"\n"


@pytest.mark.parametrize("name", [*NAMES, "it's a 'path'\n", "a\\b\n", "ä\x1b"])
def test_a_command_to_type_means_the_name(name: str) -> None:
    """Proves that bash reads the argument of a next command as the path that it stands for, on one line."""
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    assert quoted(name) == visible(quoted(name))
    done = subprocess.run([bash, "-c", f"printf %s {quoted(name)}"], capture_output=True, check=True)
    assert done.stdout == exact_bytes(name)


def test_sigterm_ends_the_block_in_order() -> None:
    """Proves that the block cleans up, that the exit code is 143, and that the handler goes again."""
    before, cleaned = signal.getsignal(signal.SIGTERM), list[bool]()

    def work() -> None:
        with ended_by_sigterm(), ExitStack() as stack:
            stack.callback(cleaned.append, True)
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as left:
        work()
    assert (left.value.code, cleaned) == (143, [True])
    assert signal.getsignal(signal.SIGTERM) == before
