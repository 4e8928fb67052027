"""The report for people: figures, tables and plots that can be seen."""

from dataclasses import replace

import numpy as np

from edge_runtime.picture.left_out import Cause, LeftOut
from edge_runtime.run_folder import Epoch, Side
from tests.trainer.conftest import Finished
from trainer.checkpoint import FitState
from trainer.config import TrainConfig
from trainer.evaluation import evaluate_scores
from trainer.report import write_report

STATE = FitState(tuple(Epoch(1 / n, 0.5, 1 / n, 0.5, 10.0 * n, 0.01) for n in (1, 2, 3)))


def written(finished: Finished, **config: object) -> str:
    settled = replace(finished.config, **config)  # type: ignore[arg-type]
    return write_report("x", settled, finished.dataset, STATE, finished.evaluation)


def test_report_of_a_run(finished: Finished) -> None:
    """Proves that the report has accuracy, interval, counts, epochs, split, left-out files and every option."""
    text = (finished.folder / "report.md").read_text()
    low, high = finished.evaluation.accuracy_interval
    assert (
        f"Test accuracy {finished.evaluation.accuracy:.2%}** (95 % interval {low:.2%} to {high:.2%}), "
        "measured on 8 pictures" in text
    )
    assert "| test | 4 | 4 | 8 |" in text
    assert "| train | 12 | 12 | 24 |" in text
    assert "- `Cat/broken.jpg`: not a picture" in text
    assert "Left out: 1 files, and 0 more over the number of pictures per class." in text
    for name in TrainConfig().to_dict():
        assert f"\n- {name}: " in text
    assert text.startswith("# Run pets\n")


def test_plots_in_the_report_exist(finished: Finished) -> None:
    """Proves that each picture shown is a file beside the report."""
    text = (finished.folder / "report.md").read_text()
    shown = [part.split(")")[0] for part in text.split("](")[1:]]
    assert shown == ["confusion.png", "learning_curves.png", "mistakes.png"]
    assert all((finished.folder / name).is_file() for name in shown)


def test_sample_says_that_it_is_a_sample(finished: Finished) -> None:
    """Proves that figures on drawings are never given without saying so, nor photographs called drawings."""
    assert "No figure here says anything about accuracy on photographs" in written(finished, data="sample")
    assert "drawings" not in (finished.folder / "report.md").read_text()


def test_suspects_are_listed(finished: Finished) -> None:
    """Proves that training pictures left out for their label are named with it, and no list is there without."""
    doubted = finished.dataset.sides[Side.TRAIN][0]
    state = replace(STATE, suspects=(doubted.row,))
    text = write_report("x", finished.config, finished.dataset, state, finished.evaluation)
    label = finished.dataset.labels[doubted.label]
    assert f"doubted their label: 1 pictures.\n\n- `{doubted.path}`, labelled {label}\n" in text
    assert "doubted their label" not in written(finished)


def test_kinds_held_back_are_named(finished: Finished) -> None:
    """Proves that a report with negatives says which kinds only validation and test have seen."""
    sides = {
        side: (*pictures, replace(pictures[0], path=f"../neither/{side}_kind/1.jpg", label=2))
        for side, pictures in finished.dataset.sides.items()
    }
    labels = (*finished.dataset.labels, "neither")
    dataset = replace(finished.dataset, labels=labels, sides=sides, neither=2)
    evaluation = evaluate_scores(np.eye(3), np.arange(3), labels)
    text = write_report("x", finished.config, dataset, STATE, evaluation)
    assert "Kinds of `neither` that are only in validation: validation_kind." in text
    assert "Kinds of `neither` that are only in test: test_kind." in text


def test_tables_are_tables(finished: Finished) -> None:
    """Proves that every table has the same number of cells in each row."""
    block: list[int] = []
    for line in [*written(finished).splitlines(), ""]:
        if line.startswith("|"):
            block.append(line.count("|"))
        else:
            assert len(set(block)) <= 1
            block = []
    assert "Median time of an epoch: 20.0 s" in written(finished)


def test_long_list_of_left_out_files_is_cut(finished: Finished) -> None:
    """Proves that a hundred files are listed and the others counted."""
    left_out = (
        *(LeftOut(f"Cat/{n}.jpg", Cause.UNREADABLE, "broken") for n in range(130)),
        LeftOut("a", Cause.SURPLUS, "over the number of pictures per class"),
    )
    text = write_report(
        "x", finished.config, replace(finished.dataset, left_out=left_out), STATE, finished.evaluation
    )
    assert "Left out: 130 files, and 1 more over" in text
    assert text.count(": broken") == 100
    assert "and 30 more, see splits.json" in text
