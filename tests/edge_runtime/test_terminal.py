"""A command that cannot go on ends with one line and an exit code."""

import numpy as np
import pytest

from edge_runtime.terminal import one_line_errors


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
