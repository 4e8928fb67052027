"""`catdog-edge classify` on many pictures, on standard input, and when it is stopped."""

import csv
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge_runtime.cli import main
from edge_runtime.commands import classify as command

COMMAND = [sys.executable, "-c", "from edge_runtime.cli import run; run()", "classify"]
ODD = Path(__file__).parents[4] / "shared/data/odd"


def classify(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """Run `catdog-edge classify` in this process."""
    return CliRunner().invoke(main, ["classify", *map(str, arguments)], input=stdin)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 200 pictures in two sub-folders, red and blue by turns."""
    for index in range(200):
        path = tmp_path / "many" / str(index % 2) / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), ("red", "blue")[index % 2]).save(path)
    return tmp_path / "many"


def test_folder_gives_every_picture_in_order(onnx_bundle: Path, folder: Path) -> None:
    """Proves that a folder is classified in parallel and printed in the order of the names."""
    result = classify(folder, "--recursive", "--json", "--bundle", onnx_bundle)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["path"] for row in rows] == sorted(str(path) for path in folder.rglob("*.png"))
    assert [row["label"] for row in rows] == ["red"] * 100 + ["blue"] * 100


def test_litter_is_not_classified_and_links_are_named(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that files of macOS make no error, and that a linked folder that is not searched is told."""
    for name in ("a.png", "._a.png", ".ipynb_checkpoints/a-checkpoint.png", "__MACOSX/a.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), "red").save(tmp_path / "in" / name)
    (tmp_path / "in" / "more").symlink_to(tmp_path)
    result = classify(tmp_path / "in", "--recursive", "--bundle", onnx_bundle)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 1
    assert f"left out: {tmp_path / 'in' / 'more'}: is a link to a folder, which is not followed" in result.stderr


def test_number_of_threads_changes_nothing(both_bundle: Path, folder: Path) -> None:
    """Proves that labels and scores do not depend on --threads."""
    outputs = set()
    for threads in (1, 2, 5):
        result = classify(folder / "0", "--csv", "--bundle", both_bundle, "--threads", threads)
        rows = csv.DictReader(io.StringIO(result.stdout))
        outputs.add(tuple((row["path"], row["label"], row["red"]) for row in rows))
    assert len(outputs) == 1
    assert len(outputs.pop()) == 100


def test_picture_on_standard_input(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that `-` reads one picture from standard input, also among others, and that a bad one is an error."""
    content = pictures["blue"].read_bytes()
    result = classify("-", pictures["red"], "--json", "--bundle", onnx_bundle, stdin=content)
    piped, red = (json.loads(line) for line in result.stdout.splitlines())
    assert (piped["path"], piped["label"], red["label"]) == ("-", "blue", "red")
    assert classify("-", "--bundle", onnx_bundle, stdin=content).stderr.endswith("--data PICTURES\n")


def test_nothing_on_standard_input_is_one_line(onnx_bundle: Path) -> None:
    """Proves that an empty and a closed standard input are an error that names it."""
    command = [*COMMAND, "-", "--bundle", str(onnx_bundle)]
    for script in ('"$@" </dev/null', '"$@" <&-'):
        done = subprocess.run(["sh", "-c", script, "sh", *command], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.splitlines()[1:] == ["error: -: is empty"]


def test_unsure_answers_are_called_so(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that an unsure answer is `unsure` in text, and a label with `confident` false in JSON."""
    options = (pictures["white"], "--bundle", onnx_bundle, "--confidence-threshold", "0.8")
    assert classify(*options).stdout.split()[1] == "unsure"
    assert json.loads(classify(*options, "--json").stdout)["confident"] is False


def test_json_and_csv_exclude_each_other(onnx_bundle: Path) -> None:
    """Proves that --json with --csv is a usage error."""
    result = classify("x.png", "--json", "--csv", "--bundle", onnx_bundle)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot be used together" in result.stderr


def test_limit_on_pixels(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that --max-pixels refuses a larger picture and that the message names the limit."""
    result = classify(pictures["red"], "--bundle", onnx_bundle, "--max-pixels", "100")
    assert result.exit_code == 1
    assert "too large: 40 x 30, at most 100 pixels" in result.stderr


def test_control_c_ends_with_what_is_done(onnx_bundle: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    """Proves that Ctrl-C leaves whole lines, a line that says how many are done, and exit code 130."""
    command = [*COMMAND, *[str(pictures["red"])] * 20000, "--json", "--bundle", str(onnx_bundle)]
    output = tmp_path / "output"
    with (
        output.open("wb") as file,
        subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True) as process,
    ):
        while not output.stat().st_size and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    lines = output.read_text().splitlines()
    assert all(json.loads(line)["label"] == "red" for line in lines)
    assert 0 < len(lines) < 20000
    told = re.fullmatch(r"stopped: (\d+) of 20000 pictures done", stderr.splitlines()[-1])
    assert told
    assert len(lines) - int(told[1]) in (0, 1)  # Ctrl-C can fall between printing a line and counting it


def test_control_c_does_not_wait_for_pictures_in_work(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that Ctrl-C ends at once, even while large pictures are decoded for seconds."""
    path = tmp_path / "large.png"
    Image.new("RGB", (8000, 8000)).save(path, compress_level=1)
    command = [*COMMAND, *[str(path)] * 40, "--json", "--bundle", str(onnx_bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # which file is in use; then the work begins
        time.sleep(0.3)
        start_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - start_s < 1


def test_progress_bar_only_where_it_helps(onnx_bundle: Path, folder: Path, tmp_path: Path) -> None:
    """Proves that many pictures show a bar on a terminal if the results go elsewhere, and otherwise none."""
    command = [*COMMAND, str(folder), "--recursive", "--bundle", str(onnx_bundle)]
    for output, shown in ((tmp_path / "out", True), (None, False)):
        ours, theirs = pty.openpty()
        with open(output or os.devnull, "wb") as file:
            process = subprocess.Popen(command, stdout=file if output else theirs, stderr=theirs)
        os.close(theirs)
        text = read_all(ours)
        assert process.wait() == 0
        assert ("pictures" in text) is shown


def read_all(descriptor: int) -> str:
    """Return everything that is written to a terminal until it is closed."""
    text = b""
    while select.select([descriptor], [], [], 60)[0]:
        try:
            text += os.read(descriptor, 65536)
        except OSError:  # Linux's way of saying that the other side is closed
            break
    os.close(descriptor)
    return text.decode()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
def test_odd_files_give_a_line_each(onnx_bundle: Path) -> None:
    """Proves that each of 82 odd and broken files gives a prediction or one clear error, within 500 MiB."""
    if not ODD.is_dir():
        pytest.skip(f"the folder of odd pictures is not there: {ODD}")
    script = (
        "import sys\n"
        "from edge_runtime.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "    print(int(peak) // 1024, file=sys.stderr)"
    )
    paths = sorted(str(path) for path in ODD.iterdir())
    command = [sys.executable, "-c", script, "classify", *paths, "--json", "--bundle", str(onnx_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["path"] for row in rows] == paths
    assert all(("label" in row) != ("error" in row) for row in rows)
    assert "Traceback" not in done.stderr
    first, summary, peak_mib = done.stderr.splitlines()
    assert int(peak_mib) < 500
    assert (first.endswith("onnxruntime"), summary.endswith("pictures could not be classified")) == (True, True)


def test_damaged_tiff_is_one_error_line(onnx_bundle: Path, tmp_path: Path) -> None:
    """Proves that the messages of libtiff about a damaged file do not appear on standard error."""
    buffer = io.BytesIO()
    Image.new("L", (30, 20), 7).save(buffer, "TIFF", compression="tiff_lzw")
    content = buffer.getvalue()
    path = tmp_path / "damaged.tif"
    path.write_bytes(content[:8] + b"\xff" * 20 + content[28:])
    done = subprocess.run([*COMMAND, str(path), "--bundle", str(onnx_bundle)], capture_output=True, text=True)
    assert done.returncode == 1
    _, error = done.stderr.splitlines()  # a single picture is not counted
    assert error.startswith(f"error: {path}: cannot be decoded")


@pytest.mark.parametrize(
    ("pictures", "folder"),
    [
        (["data/Cat/0.jpg", "data/Dog/1.jpg"], "data"),
        (["data/Cat/0.jpg", "data/Cat/1.jpg"], "data/Cat"),
        (["my pets/0.jpg"], "'my pets'"),
        (["../pets/Cat/0.jpg", "../pets/Dog/0.jpg"], "../pets"),
        (["cat.jpg", "data/Cat/0.jpg"], "PICTURES"),
        (["cat.jpg"], "PICTURES"),
        (["../cat.jpg"], "PICTURES"),
        (["../a/0.jpg", "../b/0.jpg"], "PICTURES"),
        (["/pictures/a.jpg", "data/Cat/0.jpg"], "PICTURES"),
        (["data/Cat/0.jpg", "-"], "PICTURES"),
    ],
)
def test_next_command_has_the_folder_above_all_pictures(pictures: list[str], folder: str) -> None:
    """Proves that all classes are in the proposed folder, and that the current folder is never proposed."""
    assert command._folder_of(pictures) == folder
