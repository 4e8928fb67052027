"""Robustness: every distortion is what its name says, and answers are counted by label."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.cli import main
from benchmarks.run.robustness import DISTORTIONS, measure_robustness


@pytest.fixture
def pictures(tmp_path):
    """Five red and five blue pictures in folders of their labels, each with a bright left upper corner."""
    for index, label in enumerate(("blue", "red")):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for number in range(5):
            pixels = np.full((16, 16, 3), 40, np.uint8)
            pixels[..., 2 - 2 * index] = 150 + number
            pixels[:4, :4] = 250
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pictures"


def test_answers_are_counted(bench_bundle, pictures):
    """Colours survive all but grey: both labels are right under every other distortion, and grey is one label."""
    answers = measure_robustness(bench_bundle, pictures)
    assert [(a.distortion, a.group) for a in answers] == [(d, g) for d in DISTORTIONS for g in ("blue", "red")]
    for answer in answers:
        assert answer.pictures == 5
        assert answer.sure == answer.right  # the bundle has no threshold
        assert answer.wrong == 5 - answer.right
    assert {a.distortion for a in answers if a.right < 5} == {"grey"}


def test_the_command_prints_shares_with_intervals(bench_bundle, pictures):
    """The command prints a table, or one JSON list, and an interval lies around each share."""
    arguments = ["robustness", "--bundle", str(bench_bundle), "--data", str(pictures)]
    done = CliRunner().invoke(main, arguments)
    assert "| as they are | red | 5 | 100.0% [56.6%, 100.0%] | 100.0%" in done.stdout
    assert len(done.stdout.splitlines()) == 2 + 2 * len(DISTORTIONS)
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)[0]
    assert first["distortion"] == "as they are"
    share, low, high = first["right"]
    assert low < share <= high == share == 1.0


def test_unlabelled_pictures_are_an_error(bench_bundle, pictures, tmp_path):
    """Pictures whose labels nobody knows are one line that says what is wanted."""
    (pictures / "red").rename(tmp_path / "other")
    done = CliRunner().invoke(
        main, ["robustness", "--bundle", str(bench_bundle), "--data", str(tmp_path / "other")]
    )
    assert done.exit_code == 1
    assert "expected test pictures of the bundle, or folders named after its labels. Found neither." in done.stderr


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upside down", lambda p: p[::-1, ::-1]),
        ("turned by 90 degrees", lambda p: np.rot90(p)),
        ("as they are", lambda p: p),
        ("0.4 times as bright", lambda p: p * 0.4),
        ("1.8 times as bright", lambda p: np.clip(p * 1.8, 0, 255)),
    ],
)
def test_distortions_do_what_they_say(name, expected):
    """What a name says is what happens to the pixels, to within rounding."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    distorted = np.asarray(DISTORTIONS[name](Image.fromarray(pixels)))
    np.testing.assert_allclose(distorted, expected(pixels.astype(float)), atol=1)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_distortions_keep_the_size_and_repeat(name):
    """Every distortion returns an RGB picture of the same size, the same each time."""
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8))
    first, again = (np.asarray(DISTORTIONS[name](picture)) for _ in range(2))
    assert first.shape == (20, 20, 3)
    np.testing.assert_array_equal(first, again)


def test_crops_look_at_their_part():
    """The left upper crop shows the left upper corner, and the middle crop none of the border."""
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:10, :10] = 200
    pixels[0, :] = pixels[-1, :] = 255
    corner = np.asarray(DISTORTIONS["left upper 70 %"](Image.fromarray(pixels)))
    assert corner[12, 12, 0] == 200
    assert np.asarray(DISTORTIONS["middle 70 % of the side"](Image.fromarray(pixels))).max() == 200
    assert np.asarray(DISTORTIONS["right lower 70 %"](Image.fromarray(pixels)))[0, 0, 0] == 200
