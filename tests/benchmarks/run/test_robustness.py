"""Robustness: every distortion is what its name says, and answers are counted by label."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import binomtest

from benchmarks.errors import BenchmarkError
from benchmarks.run import robustness
from benchmarks.run.pictures import Pictures
from benchmarks.run.robustness import DISTORTIONS, Answers, describe_answers, measure_robustness


@pytest.fixture
def coloured(tmp_path):
    """Five red and five blue pictures in folders of their labels, each with a bright left upper corner."""
    for index, label in enumerate(("blue", "red")):
        folder = tmp_path / "coloured" / label
        folder.mkdir(parents=True)
        for number in range(5):
            pixels = np.full((16, 16, 3), 40, np.uint8)
            pixels[..., 2 - 2 * index] = 150 + number
            pixels[:4, :4] = 250
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "coloured"


def distorted(name, pixels):
    """Return what a distortion makes of `uint8 (height, width, 3)`, as floats."""
    return np.asarray(DISTORTIONS[name](Image.fromarray(pixels.astype(np.uint8)))).astype(float)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def smooth(side=64):
    """Return a picture without edges, in which rounding and sampling hardly matter."""
    row, column = np.mgrid[:side, :side] / side
    waves = [np.sin(2 * np.pi * row), np.cos(2 * np.pi * column), np.sin(2 * np.pi * (row + column))]
    return (128 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)


def test_answers_are_counted(bench_bundle, coloured):
    """Proves that colours survive all but grey: elsewhere both labels are right, and grey is one label."""
    told = []
    answers = measure_robustness(bench_bundle, coloured, report=lambda done, total: told.append((done, total)))
    assert [(a.distortion, a.group) for a in answers] == [(d, g) for d in DISTORTIONS for g in ("blue", "red")]
    for answer in answers:
        assert answer.pictures == 5
        assert answer.sure == answer.right  # the bundle has no threshold
        assert answer.wrong == 5 - answer.right
    assert {a.distortion for a in answers if a.right < 5} == {"grey"}
    assert told == [(number, len(DISTORTIONS)) for number in range(1, len(DISTORTIONS) + 1)]


def test_fewer_pictures_are_classified_when_asked(bench_bundle, coloured):
    """Proves that of ten pictures four are used, in all groups of each distortion together."""
    answers = measure_robustness(bench_bundle, coloured, pictures=4)
    counts = {}
    for answer in answers:
        counts[answer.distortion] = counts.get(answer.distortion, 0) + answer.pictures
    assert counts == dict.fromkeys(DISTORTIONS, 4)


def test_unlabelled_pictures_are_an_error(bench_bundle, coloured, tmp_path):
    """Proves that pictures whose labels nobody knows are one line that says what is wanted, with the folder."""
    (coloured / "red").rename(tmp_path / "other")
    with pytest.raises(BenchmarkError, match="its labels") as error:
        measure_robustness(bench_bundle, tmp_path / "other")
    assert str(tmp_path / "other") in str(error.value)


def counted(labels, targets, given):
    """Return the counts of answers `(label, confident)` to pictures of these true labels, by group."""
    pictures = Pictures(None, (None,) * len(targets), ("",) * len(targets), np.array(targets), None, "")
    predictions = [SimpleNamespace(label=label, confident=confident) for label, confident in given]
    found = robustness._count("grey", pictures, labels, predictions)
    return {answer.group: (answer.pictures, answer.right, answer.sure, answer.wrong) for answer in found}


def test_right_sure_and_wrong_are_different_things():
    """Proves that of four cats all four mixtures of right or wrong and sure or unsure are told apart."""
    given = [("cat", True), ("cat", False), ("dog", True), ("dog", False)]
    assert counted(("cat", "dog"), [0, 0, 0, 0], given) == {"cat": (4, 2, 1, 1)}


def test_each_label_has_its_own_counts():
    """Proves that cats are all right, the dog is taken for a cat; a label without a picture has no line."""
    found = counted(("cat", "dog", "fox"), [0, 1, 0], [("cat", True)] * 3)
    assert found == {"cat": (2, 2, 2, 0), "dog": (1, 0, 0, 1)}


def test_all_but_neither_are_counted_together():
    """Proves that where a label means none of them, the others are counted as one group too."""
    found = counted(
        ("cat", "dog", "neither"), [0, 1, 2, 2], [("cat", True), ("cat", True), ("neither", False), ("dog", True)]
    )
    assert found == {
        "cat": (1, 1, 1, 0),
        "dog": (1, 0, 0, 1),
        "neither": (2, 1, 0, 1),
        "all but neither": (2, 1, 1, 1),
    }


@pytest.mark.parametrize("count", [0, 3, 10])
def test_shares_have_their_intervals(count):
    """Proves that each share is followed by the ends of the interval that SciPy gives."""
    values = Answers("grey", "cat", 10, count, count, 10 - count).to_dict()
    interval = binomtest(count, 10).proportion_ci(method="wilson")
    assert values["right"] == pytest.approx([count / 10, interval.low, interval.high], abs=1e-12)
    assert values["wrong_and_sure"][0] == pytest.approx(1 - count / 10)
    assert (values["distortion"], values["group"], values["pictures"]) == ("grey", "cat", 10)
    json.dumps(values)


def test_the_table_has_a_row_for_each_group():
    """Proves that shares have one decimal, numbers have commas, and every row has as many cells."""
    text = describe_answers(
        [Answers("as they are", "cat", 2000, 1990, 1980, 5), Answers("grey", "dog", 1, 0, 0, 1)]
    )
    lines = text.splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    row = "| as they are | cat | 2,000 | 99.5% [99.1%, 99.7%] | 99.0% [98.5%, 99.4%] | 0.2% [0.1%, 0.6%] |"
    assert row in lines[2]
    assert "| grey | dog | 1 | 0.0% [0.0%, 79.3%] | 0.0% [0.0%, 79.3%] | 100.0% [20.7%, 100.0%] |" in lines[3]


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("shape", [(20, 20, 3), (21, 33, 3), (2, 3, 3)])
def test_distortions_keep_the_size_and_repeat(name, shape):
    """Proves that every distortion returns the same RGB picture of the same size and leaves its input alone."""
    pixels = noise(*shape)
    picture = Image.fromarray(pixels)
    first, again = (np.asarray(DISTORTIONS[name](picture)) for _ in range(2))
    assert (first.shape, first.dtype) == (shape, np.uint8)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize("name", [name for name in DISTORTIONS if name != "as they are"])
def test_distortions_change_something(name):
    """Proves that None of them leaves a picture as it is, and no two do the same."""
    pixels = noise(20, 20, 3)
    assert np.abs(distorted(name, pixels) - pixels).mean() > 1
    others = [distorted(other, pixels) for other in DISTORTIONS if other != name]
    assert not any(np.array_equal(distorted(name, pixels), other) for other in others)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upside down", lambda p: p[::-1, ::-1]),
        ("turned by 90 degrees", lambda p: np.rot90(p)),
        ("as they are", lambda p: p),
        ("0.4 times as bright", lambda p: p * 0.4),
        ("0.2 times as bright", lambda p: p * 0.2),
        ("1.8 times as bright", lambda p: np.clip(p * 1.8, 0, 255)),
        ("grey", lambda p: np.repeat(p @ [[0.299], [0.587], [0.114]], 3, axis=2)),  # ITU-R BT.601
    ],
)
def test_distortions_do_what_they_say(name, expected):
    """Proves that what a name says is what happens to the pixels, to within rounding."""
    pixels = noise(16, 16, 3)
    np.testing.assert_allclose(distorted(name, pixels), expected(pixels.astype(float)), atol=1)


@pytest.mark.parametrize(("name", "radius"), [("blur of 1 px", 1), ("blur of 2 px", 2)])
def test_blurs_are_gaussian(name, radius):
    """Proves that they are SciPy's filter of that standard deviation, away from the border."""
    pixels = smooth() // 2 + noise(64, 64, 3) // 4
    expected = gaussian_filter(pixels.astype(float), (radius, radius, 0))
    difference = np.abs(distorted(name, pixels) - expected)[8:-8, 8:-8]
    assert difference.mean() < 1.5
    assert difference.max() < 8


def test_a_wider_blur_leaves_less():
    """Proves that noise keeps less of its spread under 2 px than under 1 px, and the mean brightness stays."""
    pixels = noise(64, 64, 3)
    spread = [distorted(name, pixels).std() for name in ("as they are", "blur of 1 px", "blur of 2 px")]
    assert spread[0] > 2 * spread[1] > 3 * spread[2]
    assert distorted("blur of 2 px", pixels).mean() == pytest.approx(pixels.mean(), abs=2)


def test_noise_has_the_spread_it_says_and_no_lean():
    """Proves that on a grey of 128 the standard deviation is 25 levels, and the mean stays to within a level."""
    grey = np.full((128, 128, 3), 128, np.uint8)
    change = distorted("noise of 25 levels", grey) - 128
    assert change.std() == pytest.approx(25, rel=0.03)
    assert change.mean() == pytest.approx(0, abs=1)
    assert abs(np.corrcoef(change[..., 0].ravel(), change[..., 1].ravel())[0, 1]) < 0.03


def test_noise_differs_from_picture_to_picture():
    """Proves that two pictures do not get the same noise, which one could learn."""
    first, second = (distorted("noise of 25 levels", np.full((16, 16, 3), level)) - level for level in (100, 101))
    assert not np.array_equal(first, second)


def test_noise_stays_within_black_and_white():
    """Proves that black gets lighter and white darker; nothing wraps round."""
    assert distorted("noise of 25 levels", np.zeros((64, 64, 3))).max() < 150
    assert distorted("noise of 25 levels", np.full((64, 64, 3), 255)).min() > 105


def test_a_turn_by_45_degrees_is_anticlockwise_with_black_corners():
    """Proves that a bright right edge ends in the right upper half; the corners, where nothing was, are black."""
    pixels = np.full((64, 64, 3), 50)
    pixels[24:40, 50:] = 250
    turned = distorted("turned by 45 degrees", pixels)[..., 0]
    bright = np.argwhere(turned > 150)
    assert (bright[:, 0] < 32).mean() > 0.95  # rows: above the middle
    assert (bright[:, 1] > 32).mean() > 0.95  # columns: right of it
    assert turned[0, 0] == turned[-1, -1] == 0


def test_three_turns_of_15_are_about_one_of_45():
    """Proves that the angles are in the same direction and add up, in the middle that all of them see."""
    pixels = smooth()
    thrice = pixels
    for _ in range(3):
        thrice = distorted("turned by 15 degrees", thrice)
    difference = np.abs(thrice - distorted("turned by 45 degrees", pixels))[20:44, 20:44]
    assert difference.mean() < 3


def test_crops_look_at_their_part():
    """Proves that the left upper crop shows the left upper corner, and the middle crop none of the border."""
    pixels = np.zeros((20, 20, 3))
    pixels[:10, :10] = 200
    pixels[0, :] = pixels[-1, :] = 255
    assert distorted("left upper 70 %", pixels)[12, 12, 0] == 200
    assert distorted("middle 70 % of the side", pixels).max() == 200
    assert distorted("right lower 70 %", pixels)[0, 0, 0] == 200


@pytest.mark.parametrize(
    ("name", "start"), [("left upper 70 %", 0), ("middle 70 % of the side", 0.15), ("right lower 70 %", 0.3)]
)
def test_crops_are_enlarged_evenly(name, start):
    """Proves that on a slope each pixel shows the place of the crop that it stands for."""
    slope = np.broadcast_to(np.linspace(0, 250, 100)[None, :, None], (100, 100, 3))
    row = distorted(name, slope)[50, :, 0]
    expected = 250 * (start + 0.7 * (np.arange(100) + 0.5) / 100)
    np.testing.assert_allclose(row[5:-5], expected[5:-5], atol=3)


def test_half_the_size_lies_in_the_middle_of_grey():
    """Proves that the border is grey 128, and the middle shows the whole picture in small."""
    pixels = np.zeros((64, 64, 3))
    pixels[:32] = 250
    small = distorted("half the size in grey", pixels)[..., 0]
    assert {*small[:16].ravel(), *small[48:].ravel(), *small[:, :16].ravel(), *small[:, 48:].ravel()} == {128}
    assert small[20, 32] == 250
    assert small[44, 32] == 0


def test_strong_compression_loses_detail_and_keeps_the_picture():
    """Proves that a smooth picture stays near itself; noise loses a good part of its spread in colour."""
    assert np.abs(distorted("JPEG quality 10", smooth()) - smooth()).mean() < 10
    pixels = noise(64, 64, 3)
    colour = [
        (values[..., 0] - values[..., 2]).std()
        for values in (pixels.astype(float), distorted("JPEG quality 10", pixels))
    ]
    assert colour[1] < colour[0] / 2


def test_brightness_is_of_light_and_not_of_contrast():
    """Proves that black stays black, and no channel is favoured."""
    assert distorted("1.8 times as bright", np.zeros((4, 4, 3))).max() == 0
    colour = np.broadcast_to([100, 50, 10], (4, 4, 3))
    np.testing.assert_allclose(distorted("0.4 times as bright", colour)[0, 0], [40, 20, 4], atol=1)
