"""What an export shows on a terminal, and in a log, where there is no line to write over."""

import contextlib
import io
import re
import signal

import pytest

from exporter.progress import Progress


class Terminal(io.StringIO):
    """A terminal that remembers all that was sent to it."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def shown(terminal: io.StringIO) -> list[str]:
    """Return the lines that stay on a terminal: what follows the last return in each."""
    return [line.rsplit("\r", 1)[-1].replace("\033[K", "") for line in terminal.getvalue().splitlines()]


def test_a_log_has_a_line_for_each_stage():
    """Proves that a file gets names and times alone: no bar, no return, no escape."""
    log = io.StringIO()
    with Progress(log) as progress:
        progress.on_stage("reading")
        progress.on_progress(1, 2)
        progress.on_stage("scoring")
    assert re.fullmatch(r"reading: \d+\.\d s\nscoring: \d+\.\d s\n", log.getvalue())


def test_a_stage_is_named_before_it_ends():
    """Proves that a terminal shows what is going on, and then the time in its place."""
    terminal = Terminal()
    with Progress(terminal) as progress:
        progress.on_stage("reading")
        assert terminal.getvalue() == "reading ..."
    assert re.fullmatch(r"reading \.\.\.\r\033\[Kreading: \d+\.\d s\n", terminal.getvalue())


def test_a_bar_counts_up():
    """Proves that the bar has the name of its stage and the share that is done, and the next one begins at 0."""
    terminal = Terminal()
    with Progress(terminal) as progress:
        for stage in ("reading", "checking"):
            progress.on_stage(stage)
            for done in (1, 2, 4):
                progress.on_progress(done, 4)
    text = terminal.getvalue()
    for stage in ("reading", "checking"):
        part = text[text.index(f"{stage} ...") :].split(" s\n")[0]
        assert re.findall(r"(\d+)%", part)[-3:] == ["25", "50", "100"]
        assert f"{stage}  [###" in part
    lines = [line for line in shown(terminal) if line.strip()]
    assert [line.split(":")[0] for line in lines if " s" in line] == ["reading", "checking"]


def test_nothing_begun_ends_with_nothing():
    """Proves that an export that fails before its first stage leaves no line."""
    terminal = Terminal()
    with Progress(terminal):
        pass
    assert terminal.getvalue() == ""


def test_an_error_ends_the_line():
    """Proves that the error of an export begins on a line of its own, below a bar too."""
    terminal = Terminal()

    def stop() -> None:
        with Progress(terminal) as progress:
            progress.on_stage("reading")
            progress.on_progress(1, 4)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        stop()
    assert terminal.getvalue().endswith(" s\n")


def test_a_swallowed_ctrl_c_ends_the_export_later():
    """Proves that what a library swallows is raised at the next report, and Ctrl-C is Python's own afterwards."""
    with Progress(io.StringIO()) as progress:
        progress.on_stage("importing")
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            progress.on_progress(1, 2)
        with pytest.raises(KeyboardInterrupt):
            progress.on_stage("converting")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_of_ctrl_c_stays():
    """Proves that a program that handles Ctrl-C itself, or ignores it, goes on doing so within and afterwards."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Progress(io.StringIO()):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
