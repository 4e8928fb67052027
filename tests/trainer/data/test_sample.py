"""The generated sample set: the same for everyone, whole or not there, and told apart by shape alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import CatdogError
from trainer.data.drawing import LABELS as SAMPLE_LABELS
from trainer.data.drawing import draw_animal
from trainer.data.sample import ABOUT_NAME, SAMPLE_VERSION, write_sample
from trainer.errors import ConfigError, DataError

FEW = 4
PICTURES_FOR_STATISTICS = 100


def pixels_of(picture: Image.Image) -> np.ndarray:
    """Return the picture as uint8 (H, W, 3) RGB 0-255."""
    return np.asarray(picture)


def pictures_in(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each picture under the folder by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample set that tests read and never change."""
    return write_sample(tmp_path_factory.mktemp("read_only") / "sample", count_per_class=FEW)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A tiny sample set that a test may damage."""
    return write_sample(tmp_path / "sample", count_per_class=2)


@pytest.mark.parametrize("label", SAMPLE_LABELS)
def test_same_seed_same_pixels(label: str) -> None:
    """Proves that a label and a seed fix every pixel."""
    np.testing.assert_array_equal(pixels_of(draw_animal(label, 5)), pixels_of(draw_animal(label, 5)))


@pytest.mark.parametrize("label", SAMPLE_LABELS)
def test_seeds_differ(label: str) -> None:
    """Proves that twelve seeds give twelve pictures."""
    assert len({draw_animal(label, seed, 64).tobytes() for seed in range(12)}) == 12


def test_labels_roll_their_own_dice() -> None:
    """Proves that a cat and a dog of one seed do not come as a pair on the same background."""
    same = [
        np.array_equal(pixels_of(draw_animal("cat", seed, 64))[:4], pixels_of(draw_animal("dog", seed, 64))[:4])
        for seed in range(6)
    ]
    assert not any(same)


@pytest.mark.parametrize("size", [32, 97, 192])
def test_picture_is_rgb_of_the_size_asked_for(size: int) -> None:
    """Proves that any side from 32 pixels up gives a square RGB picture."""
    picture = draw_animal("dog", 1, size)
    assert (picture.mode, picture.size) == ("RGB", (size, size))


@pytest.mark.parametrize("seed", range(20))
def test_pictures_have_contrast(seed: int) -> None:
    """Proves that no roll of the dice gives a picture with next to nothing to see."""
    for label in SAMPLE_LABELS:
        assert pixels_of(draw_animal(label, seed, 96)).std() > 12


@pytest.mark.parametrize(
    ("label", "seed", "size"), [("cow", 0, 192), ("Cat", 0, 192), ("cat", -1, 192), ("cat", 0, 31)]
)
def test_draw_refuses_what_it_cannot_draw(label: str, seed: int, size: int) -> None:
    """Proves that an unknown label, a negative seed and a tiny size are refused in our own words."""
    with pytest.raises(ConfigError, match=r"expected .* received"):
        draw_animal(label, seed, size)


def test_layout(sample: Path) -> None:
    """Proves that the folder holds Cat/ and Dog/ with numbered pictures, ABOUT.txt and nothing else."""
    pictures = {f"{label}/{number:04d}.jpg" for label in ("Cat", "Dog") for number in range(FEW)}
    found = {path.relative_to(sample).as_posix() for path in sample.rglob("*")}
    assert found == pictures | {"Cat", "Dog", ABOUT_NAME}


def test_pictures_load_and_vary_in_size(sample: Path) -> None:
    """Proves that each file is a whole RGB JPEG of 160-240 pixels a side, and that a reader has to resize."""
    sizes = set()
    for path in sample.rglob("*.jpg"):
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            sizes.add(picture.size)
    assert all(160 <= side <= 240 for size in sizes for side in size)
    assert len(sizes) > 1


def test_about_says_what_this_is(sample: Path) -> None:
    """Proves that whoever opens the folder reads that these are drawings, and what that means."""
    about = (sample / ABOUT_NAME).read_text(encoding="utf-8")
    for words in (
        "generated sample set",
        "drawings",
        "no photograph",
        "nothing about the accuracy on photographs",
    ):
        assert words in " ".join(about.split())
    for line in (f"drawing version: {SAMPLE_VERSION}", f"pictures per class: {FEW}", "seed: 0"):
        assert line in about.splitlines()


def test_pictures_do_not_depend_on_the_count(sample: Path, written: Path) -> None:
    """Proves that picture 1 is the same file whether two or four are drawn."""
    many = pictures_in(sample)
    assert pictures_in(written) == {name: many[name] for name in pictures_in(written)}


def test_another_seed_draws_other_pictures(tmp_path: Path, written: Path) -> None:
    """Proves that the seed reaches each picture."""
    other = pictures_in(write_sample(tmp_path / "other", count_per_class=2, seed=1))
    assert not set(other.values()) & set(pictures_in(written).values())


def test_second_call_leaves_the_set_alone(written: Path) -> None:
    """Proves that a set that is there is neither drawn nor touched again."""
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*")}
    assert write_sample(written, count_per_class=2) == written
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*")} == before


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_half_written_set_is_redone(written: Path, damage: str) -> None:
    """Proves that a set that lost a picture, or the end of one, comes back whole and the same."""
    whole, victim = pictures_in(written), written / "Dog" / "0001.jpg"
    if damage == "missing":
        victim.unlink()
    else:
        victim.write_bytes(b"")
    write_sample(written, count_per_class=2)
    assert pictures_in(written) == whole


def test_another_request_replaces_the_set(written: Path) -> None:
    """Proves that an earlier sample set makes room for the one asked for and leaves no picture behind."""
    write_sample(written, count_per_class=1, seed=3)
    assert set(pictures_in(written)) == {"Cat/0000.jpg", "Dog/0000.jpg"}
    assert "seed: 3" in (written / ABOUT_NAME).read_text(encoding="utf-8")


def test_nothing_is_left_beside_the_set(written: Path) -> None:
    """Proves that the temporary folder is gone, after a first drawing and after a replacement."""
    write_sample(written, count_per_class=1)
    assert list(written.parent.iterdir()) == [written]


def test_parents_are_made_and_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """Proves that neither a missing parent nor an empty folder made beforehand is in the way."""
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "a" / "b", tmp_path / "empty"):
        assert len(pictures_in(write_sample(target, count_per_class=1))) == 2


@pytest.mark.parametrize("name", ["holiday.jpg", "Cat/tom.jpg", "Bird/0000.jpg", "Cat/0000.jpg"])
def test_refuses_a_foreign_folder(tmp_path: Path, name: str) -> None:
    """Proves that somebody's own pictures are never overwritten, and that the message names the folder."""
    photo = tmp_path / "mine" / name
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"a photograph")
    with pytest.raises(DataError, match=r"expected .* received .* Choose") as refusal:
        write_sample(tmp_path / "mine", count_per_class=1)
    assert str(tmp_path / "mine") in str(refusal.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [photo]
    assert photo.read_bytes() == b"a photograph"


def test_refuses_a_set_with_a_stranger_in_it(written: Path) -> None:
    """Proves that a file somebody put among ours keeps the whole set from being replaced."""
    (written / "notes.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(DataError, match=r"notes\.txt"):
        write_sample(written, count_per_class=1)
    assert len(pictures_in(written)) == 4


def test_refuses_a_foreign_about(tmp_path: Path) -> None:
    """Proves that an ABOUT.txt of another project does not make its folder ours."""
    (tmp_path / ABOUT_NAME).write_text("My holiday", encoding="utf-8")
    with pytest.raises(DataError):
        write_sample(tmp_path, count_per_class=1)
    assert (tmp_path / ABOUT_NAME).read_text(encoding="utf-8") == "My holiday"


@pytest.mark.parametrize("inside", ["", "sample"])
def test_refuses_a_file_in_the_way(tmp_path: Path, inside: str) -> None:
    """Proves that a file as target, or as its parent, ends in our error and not in a traceback."""
    (tmp_path / "file").write_text("keep me", encoding="utf-8")
    with pytest.raises(CatdogError, match="the sample set cannot be written there"):
        write_sample(tmp_path / "file" / inside, count_per_class=1)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "keep me"


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (10_000, 0), (1, -1)])
def test_write_refuses_numbers_out_of_range(tmp_path: Path, count: int, seed: int) -> None:
    """Proves that a count or seed out of range is refused before anything is written."""
    with pytest.raises(ConfigError, match=r"expected .* received"):
        write_sample(tmp_path / "sample", count_per_class=count, seed=seed)
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Pictures as float64 (label, number, H, W, 3) RGB 0-1."""
    numbers = range(PICTURES_FOR_STATISTICS)
    return np.array([[pixels_of(draw_animal(label, n, 64)) for n in numbers] for label in SAMPLE_LABELS]) / 255


def nearest_mean_accuracy(features: np.ndarray) -> float:
    """Return the ratio 0-1 right on the odd numbers of a nearest-mean rule learnt on the even ones.

    Args:
        features: float (label, number, feature).
    """
    learnt, asked = features[:, ::2], features[:, 1::2]
    spread = learnt.reshape(-1, features.shape[-1]).std(axis=0)
    means = learnt.mean(axis=1)
    distances = (((asked[:, :, None] - means) / spread) ** 2).sum(axis=-1)
    return float((distances.argmin(axis=-1) == np.arange(len(features))[:, None]).mean())


def test_nearest_mean_rule_finds_a_shortcut_where_there_is_one(drawn: np.ndarray) -> None:
    """Proves that the yardstick of the next tests is not blind: dogs made a fifth brighter are caught."""
    brighter = drawn.mean(axis=(2, 3)) * np.array([1.0, 1.2])[:, None, None]
    assert nearest_mean_accuracy(brighter) > 0.62


def test_mean_colour_does_not_tell_the_class(drawn: np.ndarray) -> None:
    """Proves that mean RGB stays near chance, so that a model has no colour or brightness to go by."""
    assert nearest_mean_accuracy(drawn.mean(axis=(2, 3))) < 0.62


def test_background_does_not_tell_the_class(drawn: np.ndarray) -> None:
    """Proves that the corners, where the background shows, stay near chance."""
    corners = [drawn[:, :, y : y + 6, x : x + 6].mean(axis=(2, 3)) for y in (0, 58) for x in (0, 58)]
    assert nearest_mean_accuracy(np.concatenate(corners, axis=-1)) < 0.62


def test_noise_and_contrast_do_not_tell_the_class(drawn: np.ndarray) -> None:
    """Proves that spread of brightness and noise in the corners stay near chance."""
    grey = drawn.mean(axis=-1)
    noise = np.diff(grey[:, :, :6, :6], axis=-1).std(axis=(2, 3))
    assert nearest_mean_accuracy(np.stack((grey.std(axis=(2, 3)), noise), axis=-1)) < 0.62
