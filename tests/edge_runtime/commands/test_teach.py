"""The command `catdog-edge teach`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_runtime.cli import main
from tests.edge_runtime.teaching.drawings import draw, write_walls


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with six drawings of each of three labels in `walls`."""
    monkeypatch.chdir(tmp_path)
    write_walls(tmp_path / "walls", count=6)
    return tmp_path


def teach(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["teach", *arguments])


def test_it_teaches_and_classify_answers(folder: Path) -> None:
    """Proves the whole way: teach, classify with the newest bundle, add a label, info, self-test."""
    done = teach("walls", "--name", "mine")
    assert done.exit_code == 0, done.output
    assert re.search(r"^accuracy [\d.]+% \[[\d.]+%, [\d.]+%\]: each of 18 pictures", done.stdout, re.MULTILINE)
    assert done.stderr.splitlines()[-1] == "next: catdog-edge classify --bundle bundles/mine PICTURE"
    draw("grass", 40).save("new.png")
    answer = CliRunner().invoke(main, ["classify", "new.png", "--json"])
    assert set(json.loads(answer.stdout)["scores"]) == {"bricks", "grass", "pebbles"}
    added = teach("--add", "more", "walls/bricks")
    assert added.exit_code == 1  # all are copies of pictures in the bundle
    assert "received 0 of more. 6 pictures were left out" in added.stderr
    assert CliRunner().invoke(main, ["selftest"]).exit_code == 0
    assert "taught " in CliRunner().invoke(main, ["info"]).stdout


def test_json_is_one_object(folder: Path) -> None:
    """Proves that `--json` prints one object with what the lines say and the pictures that were left out."""
    (folder / "walls/grass/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    done = teach("walls", "--json")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values["bundle"] == "bundles/walls"
    assert values["labels"] == ["bricks", "grass", "pebbles"]
    assert values["held_out"]["pictures"] == 18
    assert [Path(picture["path"]).name for picture in values["left_out"]] == ["broken.jpg"]
    assert "left out: walls/grass/broken.jpg: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("walls/grass",), "walls/grass: expected a folder of pictures for each of two or more labels"),
        (("nothing",), "nothing: no such folder"),
        (("walls", "--bundle", "walls"), "walls: no manifest.json there"),
        (("walls", "--name", "../x"), "--name: expected one folder name"),
        (("--add", "cat", "walls/grass"), "cat: is a label that the bundle was exported with"),
        (("--add", "pebbles", "walls/pebbles", "--bundle", "old"), "keeps no features of its pictures"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], words: str, folder: Path) -> None:
    """Proves that each refusal is one line that says what to do, and that nothing is left behind."""
    from edge_runtime.bundle.folder import PRETRAINED

    (folder / "old").mkdir()
    for path in PRETRAINED.glob("m*"):
        (folder / "old" / path.name).write_bytes(path.read_bytes())
    values = json.loads((folder / "old/manifest.json").read_text())
    (folder / "old/manifest.json").write_text(json.dumps(values | {"extra": {}, "selftest": []}))
    done = teach(*arguments)
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert "Traceback" not in done.output
    assert not (folder / "bundles").exists()


@pytest.mark.parametrize("arguments", [(), ("walls", "--add", "x", "walls/grass")])
def test_a_folder_or_labels(arguments: tuple[str, ...], folder: Path) -> None:
    """Proves that neither and both are wrong use."""
    done = teach(*arguments)
    assert done.exit_code == 2
    assert "expected FOLDER, or --add LABEL FOLDER" in done.stderr


def test_pictures_that_tell_nothing_are_called_guessing(folder: Path) -> None:
    """Proves that labels of the same kind of drawing are told as no better than guessing."""
    write_walls(folder / "same/a", ("grass",), count=8)
    write_walls(folder / "same/b", ("grass",), count=8, first=20)
    done = teach("same")
    assert done.exit_code == 0, done.output
    assert "may be no better than guessing" in done.stdout


def test_it_takes_little_memory(folder: Path) -> None:
    """Proves that a whole process with 18 pictures stays below 150 MiB."""
    script = (
        "from edge_runtime.cli import main\n"
        "try: main(['teach', 'walls'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < 150 * 1024  # kB, the most that was resident at once
