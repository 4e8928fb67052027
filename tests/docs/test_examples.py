"""The examples of README and docs do what the pages say."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.conftest import photographs_are_here, slow_ones_run
from tests.docs.examples import PAGES, Example, difference, examples, run

# How many blocks do not run here, by the reason that their mark gives. A new one is added on purpose.
NOT_RUN = {
    "README.md runs it": 1,
    "it needs a camera": 1,
    "measures for minutes": 2,
    "needs a Pi": 4,
    "needs a model and pictures of your own": 5,
    "needs pictures of your own": 2,
    "needs the network": 3,
    "needs two reports of your own": 1,
}
SLOW = 3  # they run with CATDOG_SLOW_EXAMPLES=1
PHOTOGRAPHS = 2  # they run where photographs lie beside the project


def runnable(example: Example) -> bool:
    """Say whether a block is to run in this session."""
    if example.language not in {"console", "python"} or example.mark == "not run":
        return False
    if example.mark == "photographs":
        return photographs_are_here()
    return example.mark != "slow" or slow_ones_run()


WITH_EXAMPLES = [page for page in PAGES if any(map(runnable, examples(page)))]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_print_what_it_says(page: Path, scratch: Path) -> None:
    """Proves that every example of a page that can run here runs, and prints what the page shows."""
    printed = ""
    for example in examples(page):
        if example.mark == "output":
            assert not difference(example.text, printed), f"{example.where}: {difference(example.text, printed)}"
        if example.mark == "file":
            (scratch / example.reason).write_text(example.text)
        elif runnable(example):
            printed = _check(example, scratch)


def _check(example: Example, scratch: Path) -> str:
    """Run a block, compare its output, and return it."""
    if example.language == "python":
        (scratch / "example.py").write_text(example.text)
        code, printed = run("python example.py 2>/dev/null", scratch)
        assert code == 0, f"{example.where}: leaves with {code}: {printed}{run('python example.py', scratch)[1]}"
        return printed
    for command, said in example.commands():
        code, printed = run(command, scratch)
        assert code not in {2, 126, 127}, f"{example.where}: {command}: cannot be run: {printed}"
        wrong = difference(said, printed, figures=example.mark != "slow")
        assert not wrong, f"{example.where}: {command}: {wrong}\n{printed}"
    return printed


def test_what_does_not_run_is_counted() -> None:
    """Proves that no example is kept from running but for a reason that is known here."""
    marked = [example for page in PAGES for example in examples(page) if example.mark]
    reasons = Counter(example.reason for example in marked if example.mark == "not run")
    assert dict(reasons) == NOT_RUN
    assert sum(example.mark == "slow" for example in marked) == SLOW
    assert sum(example.mark == "photographs" for example in marked) == PHOTOGRAPHS


def test_what_did_not_run_this_time_is_said() -> None:
    """Says by a skip which examples this session left out, and what they need."""
    left_out = [] if photographs_are_here() else [f"{PHOTOGRAPHS} examples need photographs beside the project"]
    left_out += [] if slow_ones_run() else [f"{SLOW} examples train: set CATDOG_SLOW_EXAMPLES=1"]
    if left_out:
        pytest.skip("; ".join(left_out))


def test_many_examples_run_everywhere() -> None:
    """Proves that marks do not take over: at least twenty commands and programs run on every machine."""
    unmarked = [example for page in PAGES for example in examples(page) if example.mark in {"", "file"}]
    programs = sum(example.language == "python" for example in unmarked)
    assert programs + sum(len(example.commands()) for example in unmarked if example.language == "console") >= 20


def test_commands_stand_in_console_blocks() -> None:
    """Proves that no command hides in a block of another kind, where no test would run it."""
    for page in PAGES:
        for example in examples(page):
            if example.language != "console":
                hidden = re.search(r"^\$ |^catdog-\w+ ", example.text, re.MULTILINE)
                assert hidden is None, f"{example.where}: {hidden and hidden.group()} in a {example.language} block"


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("cat.jpg  cat  99.6%  8.4 ms", "cat.jpg  dog  99.6%  8.4 ms"),
        ("cat.jpg  cat  99.6%  8.4 ms", "cat.jpg  cat  91.6%  8.4 ms"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\n...\nc", "a\nb"),
        ("4 files", "5 files"),
        ('{"label": "cat", "confident": true}', '{"label": "unsure"}'),
    ],
)
def test_a_difference_is_seen(said: str, printed: str) -> None:
    """Proves that the comparison can fail: another label, figure, line or count."""
    assert difference(said, printed)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("cat.jpg  cat      99.6%     8.4 ms", "cat.jpg  cat      99.2%    11.4 ms"),
        ("2026-11-24T01:51:24.423+00:00  cat", "2027-01-01T00:00:00.000+00:00  cat"),
        ("a\n...\nd", "a\nb\nc\nd"),
        ("...\nd", "b\nd"),
        ("...\na 1\nc", "a 1\nb\na 1\nc"),
        ("a\n...", "a\nb\nc"),
        ('{"inference_ms": 1.2}', '{"inference_ms": 44.0}'),
        ("", ""),
    ],
)
def test_what_changes_from_run_to_run_is_masked(said: str, printed: str) -> None:
    """Proves that times, dates, rates, left-out lines and roundings do not count as differences."""
    assert not difference(said, printed)
