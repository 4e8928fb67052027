"""The line on the terminal: what is left, when it is drawn, and durations in words."""

import io
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.run.progress import Progress, in_words

PHASES = ("reading", "timing", "scoring")


class Terminal(io.StringIO):
    """Text that calls itself a terminal."""

    def isatty(self):
        return True


def lines_of(stream):
    """Return what was drawn, one for each time."""
    return [line for line in re.split(r"[\r\n]", stream.getvalue()) if line]


def left(progress, seconds, done, total):
    """What is left so many seconds into the phase that has just begun."""
    return progress.left_s(time.monotonic() + seconds, done, total)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "about 0 s"),
        (0.6, "about 1 s"),
        (59.4, "about 59 s"),
        (59.6, "about 1 min 0 s"),
        (60, "about 1 min 0 s"),
        (69, "about 1 min 0 s"),
        (70, "about 1 min 10 s"),
        (130, "about 2 min 10 s"),
        (599, "about 9 min 50 s"),
        (600, "about 10 min"),
        (3600, "about 60 min"),
    ],
)
def test_durations_in_words(seconds, words):
    """Proves that they are seconds under a minute, tens of seconds under ten, and minutes from there on."""
    assert in_words(seconds) == words


@settings(deadline=None)
@given(st.floats(0, 1e6))
def test_words_are_right_to_ten_seconds_or_a_minute(seconds):
    """Proves that read back, they are at most as far from the duration as their smallest unit."""
    minutes, rest = (re.search(rf"(\d+) {unit}\b", in_words(seconds)) for unit in ("min", "s"))
    read = 60 * int(minutes[1] if minutes else 0) + int(rest[1] if rest else 0)
    exact = 0.5 if seconds < 59 else 10.5 if seconds < 599 else 60.5
    assert -0.5 <= seconds - read <= exact


def test_before_it_is_known_the_expected_time_counts():
    """Proves that half of a phase of 20 s and all of those to come are left; phases gone by are not."""
    progress = Progress(io.StringIO(), PHASES)
    for phase, seconds in zip(PHASES, (1000, 20, 30), strict=True):
        progress.expect(phase, seconds)
    progress.step("timing", 0, 10)
    assert left(progress, 0, 0, 10) == 50
    assert left(progress, 0.5, 5, 10) == 40
    assert left(progress, 0.5, 10, 10) == 30


def test_under_way_its_own_speed_counts():
    """Proves that four of ten steps in 8 s leave 12 s, whatever was expected."""
    progress = Progress(io.StringIO(), PHASES)
    progress.expect("timing", 1000)
    progress.step("timing", 0, 10)
    assert left(progress, 8, 4, 10) == pytest.approx(12, abs=0.1)
    assert left(progress, 8, 10, 10) == 0


def test_without_a_step_done_there_is_no_speed():
    """Proves that however long the first step takes, the expectation stays."""
    progress = Progress(io.StringIO(), PHASES)
    progress.expect("scoring", 6)
    progress.step("scoring", 0, 3)
    assert left(progress, 100, 0, 3) == 6


def test_an_expectation_can_be_mended_on_the_way():
    """Proves that what is expected later takes the place of what was expected before."""
    progress = Progress(io.StringIO(), PHASES)
    progress.expect("scoring", 6)
    progress.step("reading", 1, 1)
    assert left(progress, 0, 1, 1) == 6
    progress.expect("scoring", 7)
    assert left(progress, 0, 1, 1) == 7


def test_an_unknown_phase_is_a_mistake():
    """Proves that a phase that was not announced has no place among the others."""
    with pytest.raises(ValueError, match="baking"):
        Progress(io.StringIO(), PHASES).step("baking", 1, 2)


def test_a_file_gets_one_line_a_phase():
    """Proves that where nothing can be redrawn, each phase is told once, without control characters."""
    stream = io.StringIO()
    progress = Progress(stream, PHASES)
    for phase in PHASES:
        for done in range(6):
            progress.step(phase, done, 5)
    progress.close()
    assert [line.partition(",")[0] for line in lines_of(stream)] == list(PHASES)
    assert stream.getvalue().endswith("left\n")
    assert not re.search(r"[\r\x1b]", stream.getvalue())


def test_a_terminal_gets_one_line_that_is_redrawn():
    """Proves that each drawing starts at the left edge and clears the rest; the only line break is at the end."""
    stream = Terminal()
    progress = Progress(stream, PHASES)
    progress.expect("scoring", 1000)
    progress.step("reading", 0, 2)
    progress.step("reading", 2, 2)
    progress.step("timing", 0, 7)
    progress.close()
    text = stream.getvalue()
    assert text.count("\r") == text.count("\x1b[K") == 3
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert [re.search(r"(\w+ \d of \d),", line)[1] for line in lines_of(stream)] == [
        "reading 0 of 2",
        "reading 2 of 2",
        "timing 0 of 7",
    ]


def test_it_is_drawn_a_few_times_a_second_and_at_the_end():
    """Proves that a thousand quick steps are a handful of drawings, and the last step is among them."""
    stream = Terminal()
    progress = Progress(stream, ("timing",))
    for done in range(1001):
        progress.step("timing", done, 1000)
    drawn = lines_of(stream)
    assert 2 <= len(drawn) <= 10
    assert "1000 of 1000" in drawn[-1]
    assert "100%" in drawn[-1]


def test_the_bar_is_the_share_of_the_time():
    """Proves that with nothing left it is full, with much left it is empty; its width stays."""
    stream = Terminal()
    progress = Progress(stream, PHASES)
    progress.expect("scoring", 1e6)
    progress.step("reading", 0, 1)
    progress.expect("scoring", 0)
    progress.step("reading", 1, 1)
    bars = [re.search(r"\[([# ]*)\] +(\d+)%", line).groups() for line in lines_of(stream)]
    assert bars == [(" " * 24, "0"), ("#" * 24, "100")]


def test_nothing_drawn_is_nothing_to_end():
    """Proves that a run that failed before its first step leaves no empty line."""
    stream = Terminal()
    Progress(stream, PHASES).close()
    assert stream.getvalue() == ""
