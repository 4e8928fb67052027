"""What a command cannot go on after is one line and an exit code."""

import numpy as np
import pytest

from edge_runtime.terminal import one_line_errors


def test_too_little_memory_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that an array larger than any machine ends a command with exit code 1, its size and what to do."""
    with pytest.raises(SystemExit) as left, one_line_errors("export"):
        np.zeros(2**60, np.uint8)
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: not enough memory (Unable to allocate 1.00 EiB")
    assert line.endswith("Close other programs, or take a larger machine.")


def test_a_library_that_does_not_load_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that a library whose own libraries are missing is no traceback."""
    with pytest.raises(SystemExit) as left, one_line_errors("camera"):
        raise ImportError("libopenblas.so.0: cannot open shared object file")
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: libopenblas.so.0: cannot open")
    assert "catdog-edge doctor" in line
