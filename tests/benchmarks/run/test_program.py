"""Programs that run to their end, and why they failed in one line."""

import sys

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.run.program import last_words, run_program


def test_the_output_of_a_program_is_returned():
    """Proves that standard output comes back as it is, and standard error stays apart."""
    script = "import sys; print('one'); print('two'); sys.stderr.write('noise')"
    assert run_program([sys.executable, "-c", script]) == "one\ntwo\n"


def test_a_failure_is_one_line():
    """Proves that of a traceback only the last line is told, after the name of the program."""
    with pytest.raises(BenchmarkError) as caught:
        run_program([sys.executable, "-c", "raise ValueError('wrong')"], name="the script")
    assert str(caught.value) == "the script: ValueError: wrong"
    with pytest.raises(BenchmarkError, match=r"^\S+ -c raise SystemExit\('no'\): no$"):
        run_program([sys.executable, "-c", "raise SystemExit('no')"])


@pytest.mark.parametrize(
    ("errors", "code", "words"),
    [
        ("first\nlast\n\n", 1, "last"),
        ("", 3, "exit code 3"),
        (" \n", 3, "exit code 3"),
        ("", -9, "ended by signal 9 (SIGKILL)"),
        ("out of memory\n", -9, "ended by signal 9 (SIGKILL): out of memory"),
    ],
)
def test_last_words(errors, code, words):
    """Proves that a silent program and one that was killed are told too."""
    assert last_words(errors, code) == words
