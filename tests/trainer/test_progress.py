"""What a training shows on standard error: left-out files, the split, a bar and a line for each epoch."""

import sys
from dataclasses import replace
from typing import Any

import pytest

from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.run_folder import Epoch
from trainer.data.dataset import Dataset
from trainer.data.near_copies import NearCopies, Pairs
from trainer.progress import Progress

EPOCH = Epoch(0.25, 0.9, 0.3, 0.875, 90.0, 0.015)


def shown(capsys: pytest.CaptureFixture[str], *calls: tuple[Any, ...], epochs: int = 3) -> list[str]:
    """Return the lines on standard error after some calls; nothing may be on standard output."""
    with Progress(epochs) as progress:
        for name, *arguments in calls:
            getattr(progress, name)(*arguments)
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def faults(count: int, cause: Cause) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(f"Cat/{number}.jpg", cause, "because") for number in range(count))


def test_the_split_is_told(capsys: pytest.CaptureFixture[str], pets_dataset: Dataset) -> None:
    """Proves that labels and the number of pictures on each side are one line, after the files left out."""
    lines = shown(capsys, ("on_dataset", pets_dataset))
    assert lines[0].startswith("left out: Cat/broken.jpg: not a picture")
    assert lines[1:] == ["cat / dog: 24 train, 8 validation, 8 test"]


def test_surplus_is_no_fault(capsys: pytest.CaptureFixture[str], pets_dataset: Dataset) -> None:
    """Proves that files that only undersampling left out, and litter, are counted in a line each and not listed."""
    dataset = replace(pets_dataset, left_out=faults(50, Cause.SURPLUS) + faults(3, Cause.LITTER))
    assert shown(capsys, ("on_dataset", dataset)) == [
        "left out: 3 of computers and programs, and hidden ones, such as Cat/0.jpg; see splits.json",
        "left out: 50 over the number of pictures per class, such as Cat/0.jpg; see splits.json",
        "cat / dog: 24 train, 8 validation, 8 test",
    ]


def test_what_is_odd_about_a_split_is_said(capsys: pytest.CaptureFixture[str], pets_dataset: Dataset) -> None:
    """Proves that notes and near copies are told before the numbers."""
    alike = NearCopies(Pairs(2, (("Cat/1.jpg", "Dog/1.jpg"),)))
    dataset = replace(pets_dataset, left_out=(), notes=("The split is the one that was there.",), alike=alike)
    assert shown(capsys, ("on_dataset", dataset))[:2] == [
        "note: The split is the one that was there.",
        "note: 2 pairs of pictures are nearly the same but filed under two classes, such as Cat/1.jpg and "
        "Dog/1.jpg. Look whether one is filed wrongly.",
    ]


@pytest.mark.parametrize(("count", "more"), [(20, ""), (21, "1"), (1520, "1,500")])
@pytest.mark.parametrize("cause", [Cause.UNREADABLE, Cause.COPY, Cause.TWO_CLASSES])
def test_a_long_list_is_cut(
    capsys: pytest.CaptureFixture[str], pets_dataset: Dataset, cause: Cause, count: int, more: str
) -> None:
    """Proves that twenty faulty files are named whatever the fault, and the others are counted."""
    dataset = replace(pets_dataset, left_out=faults(count, cause))
    lines = shown(capsys, ("on_dataset", dataset))
    assert sum(line.endswith(": because") for line in lines) == 20
    cut = [line for line in lines if "more, see splits.json" in line]
    assert cut == ([f"left out: {more} more, see splits.json"] if more else [])


def test_steps_print_nothing_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that an epoch is named once, by its figures, where no bar can be drawn."""
    lines = shown(capsys, ("on_step", 0, 1, 2, 0.25, 0.9), ("on_step", 0, 2, 2, 0.25, 0.9), ("on_epoch", 0, EPOCH))
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3"]


def test_an_epoch_is_one_line_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that the figures are there, epochs count from 1, and the time left is that of the epochs to come."""
    assert shown(capsys, ("on_epoch", 0, EPOCH)) == [
        "epoch 1/3  loss 0.2500  accuracy 90.0%  validation 87.5%  90.0 s, 1.5% waiting for pictures, "
        "about 3 min left"
    ]
    assert shown(capsys, ("on_epoch", 2, EPOCH)) == [
        "epoch 3/3  loss 0.2500  accuracy 90.0%  validation 87.5%  90.0 s, 1.5% waiting for pictures"
    ]


def test_less_than_a_minute_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that a short training does not promise zero minutes."""
    (line,) = shown(capsys, ("on_epoch", 0, replace(EPOCH, seconds=20.0)))
    assert "left" not in line


def test_each_stage_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that download, reading and steps each have a bar of their own, closed when it is full or left."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    lines = shown(
        capsys,
        ("on_download", 10_000_000, 800_000_000),
        ("on_download", 800_000_000, 800_000_000),
        ("on_scan", 256, 300),
        ("on_scan", 300, 300),
        ("on_step", 0, 1, 2, 0.5, 0.75),
        ("on_step", 0, 2, 2, 0.4, 0.80),
        ("on_step", 1, 1, 2, 0.3, 0.85),
    )
    text = "\n".join(lines)
    for label in ("downloading (MB)", "reading pictures", "epoch 1/3", "epoch 2/3"):
        assert label in text
    assert text.index("downloading") < text.index("reading") < text.index("epoch 1/3") < text.index("epoch 2/3")


def test_a_download_that_begins_again_does_not_move_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that the bar survives a count that falls, as when a server cannot resume."""
    calls = [("on_download", done * 10**6, 100 * 10**6) for done in (60, 0, 30, 100)]
    assert "downloading (MB)" in "\n".join(shown(capsys, *calls))


def test_an_error_closes_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that whatever ends a training, the cursor is on a line of its own for the message."""

    def stop() -> None:
        with Progress(1) as progress:
            progress.on_scan(1, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert capsys.readouterr().err.endswith("\n")
