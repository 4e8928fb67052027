"""Pictures of strangers are decoded in a child: to the same bits, and whatever it does, it ends alone."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.classifier import Classifier
from edge_runtime.errors import PictureError
from edge_runtime.picture import sandbox
from edge_runtime.picture.preprocessing import Preprocessing, load_picture, load_pictures
from edge_runtime.picture.sandbox import Sandbox
from tests.edge_runtime.picture.harmful import HARMFUL, encoded

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Pillow's, of odd metadata
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limits are those of Linux"),
]

TARGET = Preprocessing(20, 12)
CRASHING = """
import os, sys
sys.path.append(sys.argv[1])
from edge_runtime.picture import sandboxed
sandboxed.load_picture = lambda *_, **__: os.abort()
sandboxed.serve()
"""
ODD = Path(__file__).parents[4] / "shared/data/odd"


def noise(width: int, height: int) -> Image.Image:
    """Return a reproducible picture of noise."""
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8))


def reason(child: Sandbox, source: bytes | Path) -> str:
    """Return the reason for which a picture is refused."""
    with pytest.raises(PictureError) as caught:
        child.load(source, TARGET)
    return caught.value.reason


@pytest.fixture(scope="module")
def child() -> Sandbox:
    """A sandbox that the tests share: it must outlive whatever they do to it."""
    return Sandbox()


@pytest.mark.parametrize(
    "file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "JPEG2000", "BMP", "PPM", "TGA"]
)
def test_pixels_are_those_of_this_process(child: Sandbox, file_format: str) -> None:
    """Proves for each format that the tensor of the child is bit for bit the one that is made here."""
    content = encoded(noise(90, 70), file_format)
    np.testing.assert_array_equal(child.load(content, TARGET), load_picture(content, TARGET))


def test_every_source_and_error_is_that_of_this_process(child: Sandbox, tmp_path: Path) -> None:
    """Proves that paths, open files, pipes, arrays, images and nonsense give what `load_picture` gives."""
    path = tmp_path / "picture.png"
    noise(50, 40).save(path)
    expected = load_picture(path, TARGET)
    reading, writing = os.pipe()
    os.write(writing, path.read_bytes())
    os.close(writing)
    with path.open("rb") as file, open(reading, "rb") as pipe:
        for source in (path, str(path), file, pipe, io.BytesIO(path.read_bytes()), Image.open(path), noise(50, 40)):
            np.testing.assert_array_equal(child.load(source, TARGET), expected)
    for bad in (tmp_path, tmp_path / "none", "a\0b", b"", b"hello", path.read_bytes()[:-400]):
        with pytest.raises(PictureError) as here:
            load_picture(bad, TARGET)
        assert reason(child, bad) == here.value.reason or bad == "a\0b"


def test_odd_pictures_are_the_same(child: Sandbox) -> None:
    """Proves on the folder of odd pictures that each gives the same tensor or the same reason."""
    if not ODD.is_dir():
        pytest.skip(f"the folder of odd pictures is not there: {ODD}")
    for path in sorted(ODD.iterdir())[::3]:
        [expected] = load_pictures([path], TARGET, workers=1)
        if isinstance(expected, PictureError):
            assert reason(child, path) == expected.reason
        else:
            np.testing.assert_array_equal(child.load(path, TARGET), expected)


def test_memory_is_limited_and_the_next_picture_is_decoded() -> None:
    """Proves that a picture that takes more than allowed is one error, and the sandbox goes on."""
    small = Sandbox(memory_mib=60)
    large = encoded(Image.new("RGBA", (6000, 6000)), "PNG", compress_level=1)
    assert reason(small, large) == "not safe to decode: takes more than 60 MiB of memory"
    assert small.load(encoded(noise(9, 9), "PNG"), TARGET).shape == (12, 20, 3)


def test_time_is_limited_and_the_next_picture_is_decoded() -> None:
    """Proves that a picture that takes longer than allowed is one error, and the sandbox goes on."""
    quick = Sandbox(seconds=0.3)
    slow = HARMFUL["plain-ppm"].make(1)
    assert reason(quick, slow) == "not safe to decode: takes longer than 0.3 s"
    quick.seconds = 20
    assert quick.load(encoded(noise(9, 9), "PNG"), TARGET).shape == (12, 20, 3)


def test_crash_is_one_error(child: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a child that dies as by a fault of its decoder is one error that says how, and is replaced."""
    monkeypatch.setattr(sandbox, "_PROGRAM", CRASHING)
    crashing = Sandbox()
    assert reason(crashing, encoded(noise(9, 9), "PNG")).startswith(
        "not safe to decode: the process that decodes it"
    )
    monkeypatch.undo()
    assert crashing.load(encoded(noise(9, 9), "PNG"), TARGET).shape == (12, 20, 3)


def test_threads_get_children_of_their_own() -> None:
    """Proves that pictures asked for at the same time are not mixed up, and that close ends every child."""
    shared = Sandbox()
    contents = [encoded(Image.new("RGB", (30, 30), (value, 0, 0)), "PNG") for value in range(0, 250, 10)]
    with ThreadPoolExecutor(3) as pool:
        found = [int(pixels[0, 0, 0]) for pixels in pool.map(lambda one: shared.load(one, TARGET), contents)]
    assert found == list(range(0, 250, 10))
    assert 1 <= shared._free.qsize() <= 3
    children = [shared._free.get() for _ in range(shared._free.qsize())]
    for one in children:
        shared._free.put(one)
    shared.close()
    assert all(one._process.returncode is not None for one in children)


def test_child_has_no_files_of_the_parent_and_ignores_the_folder(tmp_path: Path) -> None:
    """Proves that an open file is not inherited, and that a `json.py` in the current folder is not run."""
    (tmp_path / "json.py").write_text("raise SystemExit('run from the current folder')")
    (tmp_path / "secret").write_text("secret")
    script = (
        "import os, sys\n"
        "from edge_runtime.picture.sandbox import Sandbox\n"
        "from edge_runtime.picture.preprocessing import Preprocessing\n"
        "os.chdir(sys.argv[1])\n"
        "os.set_inheritable(os.open('secret', os.O_RDONLY), True)\n"
        "os.environ['TOKEN'] = 'secret'\n"
        "sandbox = Sandbox()\n"
        "sandbox.load(b'P6 8 8 255 ' + bytes(192), Preprocessing(8, 8))\n"
        "proc = f'/proc/{sandbox._free.get()._process.pid}'\n"
        "print([os.readlink(f'{proc}/fd/{one}') for one in os.listdir(f'{proc}/fd')])\n"
        "print(open(f'{proc}/environ').read())\n"
    )
    command = [
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.append({str(Path(__file__).parents[3])!r})\n{script}",
    ]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pipe:" in done.stdout
    assert "secret" not in done.stdout


def test_classifier_answers_the_same(onnx_bundle: Path, pictures: dict[str, Path]) -> None:
    """Proves that `untrusted` changes no score, for one picture and for many, and harms no others."""
    trusting, careful = (Classifier.open(onnx_bundle, threads=1, untrusted=on) for on in (False, True))
    assert (trusting.untrusted, careful.untrusted) == (False, True)
    paths = [*pictures.values(), Path("none.png")]
    assert careful.classify(paths[0]).scores == trusting.classify(paths[0]).scores
    for here, there in zip(trusting.classify_many(paths), careful.classify_many(paths), strict=True):
        if isinstance(here, PictureError):
            assert str(there) == str(here)
        else:
            assert not isinstance(there, PictureError)
            assert there.scores == here.scores
