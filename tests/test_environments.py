"""A test whose tools are not to be had is skipped on a developer's machine, and never silently in CI."""

from collections.abc import Callable

import pytest

from tests.environments import find_python, missing


@pytest.mark.parametrize("call", [lambda: missing("no qemu here"), lambda: find_python("3.0")])
def test_what_is_missing_skips_here_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]
) -> None:
    """Proves that CATDOG_CI alone decides, for tools that are missing and for an interpreter."""
    monkeypatch.delenv("CATDOG_CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no .* here"):
        call()
    monkeypatch.setenv("CATDOG_CI", "1")
    with pytest.raises(pytest.fail.Exception, match=r"in CI this must not be skipped: .*no .* here"):
        call()


def test_python_3_13_may_be_absent_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that the one interpreter CI's image may lack is skipped there too."""
    monkeypatch.setenv("CATDOG_CI", "1")
    monkeypatch.setattr("tests.environments._version", lambda python: "3.11")
    with pytest.raises(pytest.skip.Exception, match=r"no Python 3\.13 here"):
        find_python("3.13")
