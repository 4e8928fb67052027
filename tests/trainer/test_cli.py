"""The command `catdog-train`, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.trainer.conftest import wait_for, write_pets
from trainer.cli import Options, _export_command, _settle, main
from trainer.config import TrainConfig
from trainer.network.architectures import ARCHITECTURES
from trainer.run_folder import start_run

SMALL_OPTIONS = ["--image-size", "32", "--batch-size", "8", "--validation-fraction", "0.2"]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start catdog-train with `folder` as working folder, and home of its cache."""
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.cli", *arguments],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def invoke(*arguments: str) -> object:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with three classes of pictures, one of which cannot be decoded."""
    folder = tmp_path_factory.mktemp("place")
    write_pets(folder / "pets", "Cat", "Dog", "Owl", count=15)
    (folder / "pets" / "Dog" / "bad.jpg").write_bytes(b"not a picture")
    return folder


@pytest.fixture(scope="module")
def completed(place: Path) -> tuple[int, str, str]:
    """A run of three classes from beginning to end: exit code, stdout and stderr."""
    process = start(place, "--data", "pets", "--name", "three", "--epochs", "2", "--tensorboard", *SMALL_OPTIONS)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def test_stdout_holds_results_alone(completed: tuple[int, str, str]) -> None:
    """Proves that stdout is the accuracy and the report's path, and nothing of TensorFlow's."""
    code, out, err = completed
    assert code == 0, err
    accuracy, report = out.splitlines()
    assert accuracy.startswith("test accuracy ")
    assert accuracy.endswith(" on 9")
    assert report == "runs/three/report.md"


def test_stderr_shows_progress_and_the_next_command(completed: tuple[int, str, str]) -> None:
    """Proves that stderr lists unreadable files, the split and every epoch and ends with the next command."""
    lines = completed[2].splitlines()
    assert any(line.startswith("left out: Dog/bad.jpg: not a picture") for line in lines)
    assert "cat / dog / owl: 27 train, 9 validation, 9 test" in lines
    assert [line.split("  ")[0] for line in lines if "validation " in line and "loss" in line] == [
        "epoch 1/2",
        "epoch 2/2",
    ]
    assert lines[-1] == "next: catdog-export --run runs/three"
    assert not [line for line in lines if "I0000" in line or "WARNING" in line or "Warning" in line]


def test_three_classes_have_a_softmax(place: Path, completed: tuple[int, str, str]) -> None:
    """Proves that three class folders give a network of three scores, evaluated on all three."""
    import keras

    folder = place / "runs" / "three"
    assert json.loads((folder / "run.json").read_text())["labels"] == ["cat", "dog", "owl"]
    model = keras.saving.load_model(folder / "model.keras")
    assert (model.output_shape, model.layers[-1].activation.__name__) == ((None, 3), "softmax")
    confusion = json.loads((folder / "metrics.json").read_text())["test"]["confusion"]
    assert [sum(row) for row in confusion] == [3, 3, 3]


def test_tensorboard_writes_events(place: Path, completed: tuple[int, str, str]) -> None:
    """Proves that the flag leaves event files in the run folder."""
    assert list((place / "runs" / "three" / "tensorboard").glob("events.out.tfevents.*"))


def test_interrupted_killed_and_resumed(place: Path) -> None:
    """Proves that a run stopped by Ctrl-C, resumed, killed, and resumed again has every epoch asked for."""
    partial = place / "runs" / ".cut.partial"
    process = start(place, "--data", "pets", "--name", "cut", "--epochs", "6", *SMALL_OPTIONS)
    wait_for(partial / "state.json")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "stopped; go on with: catdog-train --resume --name cut"
    assert "Traceback" not in err
    done = len(json.loads((partial / "state.json").read_text())["history"])
    assert 1 <= done < 6

    process = start(place, "--resume")
    wait_for(partial / f"checkpoint-{done:04d}.keras")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (place / "runs" / "cut").exists()

    process = start(place, "--resume", "--name", "cut")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert len(json.loads((place / "runs" / "cut" / "history.json").read_text())) == 6
    assert f"epoch {done + 1}/6" in err or f"epoch {done + 2}/6" in err
    assert "epoch 1/6" not in err
    assert not list((place / "runs").glob(".*"))


def test_wrong_data_leaves_nothing_behind(place: Path) -> None:
    """Proves that a run that fails on its data exits with one line and frees its name."""
    process = start(place, "--data", "absent", "--name", "typo", *SMALL_OPTIONS)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert err == "error: absent: no such folder. Name one with a sub-folder of pictures for each class.\n"
    assert not list((place / "runs").glob("*typo*"))


def test_a_run_that_fails_leaves_no_empty_folder(tmp_path: Path) -> None:
    """Proves that `runs/` is not left behind, where it would look like a class of pictures."""
    process = start(tmp_path, "--data", "absent", "--name", "typo", *SMALL_OPTIONS)
    process.communicate(timeout=120)
    assert process.returncode == 1
    assert not (tmp_path / "runs").exists()


def test_wrong_teacher_leaves_nothing_behind(place: Path) -> None:
    """Proves that a mistyped teacher is one line and frees the name of the run, which could not be resumed."""
    process = start(place, "--data", "pets", "--name", "typo", "--teacher", "absent", *SMALL_OPTIONS)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("error: absent: no finished run there (run.json is missing)")
    assert not list((place / "runs").glob("*typo*"))


def test_unknown_architecture_is_one_line(place: Path) -> None:
    """Proves that a network nobody knows is refused with the list of those there are, before any data is read."""
    process = start(place, "--data", "absent", "--name", "odd", "--architecture", "alexnet")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    known = ", ".join(ARCHITECTURES)
    assert err == f"error: option architecture: expected one of {known}, received 'alexnet'\n"


def test_existing_name_is_refused(tmp_path: Path) -> None:
    """Proves that a run is never written over: exit code 1 and one line."""
    (tmp_path / "mine").mkdir()
    result = invoke("--name", "mine", "--runs", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "a run of that name is there" in result.stderr


@pytest.mark.parametrize("option", [["--epochs", "3"], ["--data", "x"], ["--no-augment"], ["--config", "c.toml"]])
def test_resume_takes_no_other_options(tmp_path: Path, option: list[str]) -> None:
    """Proves that options beside --resume are a usage error and not ignored."""
    start_run(tmp_path, "a", TrainConfig())
    result = invoke("--resume", "--runs", str(tmp_path), *option)
    assert result.exit_code == 2
    assert "--resume keeps the options of the run" in result.stderr


def test_nothing_to_resume(tmp_path: Path) -> None:
    """Proves that resuming without an unfinished run is one line and exit code 1."""
    result = invoke("--resume", "--runs", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: {tmp_path}: no unfinished run to resume. Train without --resume.\n"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            ["--epochs", "0"],
            1,
            "error: option epochs: expected 1 to 10000, received 0; 0 is for pretrained weights\n",
        ),
        (["--epochs", "few"], 2, "is not a valid integer"),
        (["--config", "absent.toml"], 1, "absent.toml: cannot be read as TOML"),
        (["--name", "a/b"], 1, "--name: expected one folder name"),
    ],
)
def test_wrong_options(tmp_path: Path, options: list[str], code: int, message: str) -> None:
    """Proves that a wrong option ends with its own message and begins no run."""
    result = invoke("--runs", str(tmp_path / "runs"), *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def test_the_sample_is_exported_with_a_drop_that_it_can_decide() -> None:
    """Proves that what is proposed after training on the few drawings does not end undecided."""
    assert _export_command(Path("runs/demo"), TrainConfig(data="sample")).endswith(
        " --run runs/demo --max-drop 0.05"
    )
    assert _export_command(Path("runs/pets"), TrainConfig(data="pets")).endswith(" --run runs/pets")


def test_options_are_those_of_the_command() -> None:
    """Proves that the record has one field per option, so that none is lost between Click and the training."""
    given = {parameter.name for parameter in main.params} - {"version"}
    assert {field.name for field in fields(Options)} == given


def test_flags_that_are_given_override_and_no_others() -> None:
    """Proves that false and zero count as given, and what was left out stays with the recipe."""
    nothing = dict.fromkeys(field.name for field in fields(Options))
    assert Options(**nothing).overrides == {}  # type: ignore[arg-type]
    given = {"augment": False, "limit_per_class": 0, "data": "", "epochs": 3}
    of_the_command = {"config": Path("c.toml"), "name": "x", "runs": Path("runs"), "resume": True}
    options = Options(**(nothing | given | of_the_command))  # type: ignore[arg-type]
    assert options.overrides == given
    assert set(given) <= set(vars(TrainConfig()))


def test_a_flag_wins_over_the_recipe(tmp_path: Path) -> None:
    """Proves that a command with both begins a run with the flag, and with the recipe where there is no flag."""
    (tmp_path / "c.toml").write_text('data = "absent"\nepochs = 7\naugment = true\n')
    options = ["--config", str(tmp_path / "c.toml"), "--no-augment", "--name", "x", "--runs", str(tmp_path)]
    nothing = dict.fromkeys(field.name for field in fields(Options))
    given = {"config": tmp_path / "c.toml", "augment": False, "name": "x", "runs": tmp_path}
    name, config = _settle(Options(**(nothing | given)))  # type: ignore[arg-type]
    assert (name, config.epochs, config.augment) == ("x", 7, False)
    assert invoke(*options).exit_code == 1  # the name is taken now


RECIPE_ALONE = (
    "optimizer",
    "schedule",
    "weight_decay",
    "label_smoothing",
    "weight_averaging",
    "first_side",
    "last_side",
    "source_side",
    "cutmix",
    "teacher_share",
    "mixed_bfloat16",
    "clean_labels",
    "input_low",  # both are --input-range
    "input_high",
)
DEPENDS = ("epochs", "pretrained", "fine_tune", "split")  # on the architecture, which the help says in words


def test_every_option_is_a_flag_with_its_default() -> None:
    """Proves that each option but those of recipes has its flag, and that the help names the true default."""
    helps = {parameter.name: getattr(parameter, "help", "") for parameter in main.params}
    for name, value in TrainConfig().to_dict().items():
        if name in RECIPE_ALONE:
            assert name not in helps
            continue
        if name in DEPENDS:
            assert "[default: " in helps[name]
            continue
        shown = {True: "on", False: "off"}[value] if isinstance(value, bool) else "none" if value == "" else value
        assert helps[name].endswith(f"[default: {shown}]"), name


def test_help_loads_no_library() -> None:
    """Proves that help and mistakes in the options cost no import of TensorFlow."""
    code = (
        "import sys\nfrom trainer.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.splitlines()[-1] == "[]"
