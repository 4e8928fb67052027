"""Peak memory of reading a large picture, by format."""

import pytest
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.figures.decoders import FORMATS, _weigh, measure_decoders_memory
from edge_runtime.picture.decoding import DECODER_BYTES

SIDE = 1500
OVERHEAD = 2  # bytes a pixel, as what every process takes counts for more on a small picture


@pytest.fixture(scope="module")
def weights():
    return measure_decoders_memory(side=SIDE)


def test_every_format_is_written_read_and_weighed(weights):
    """Proves that the table of figures has one for each format that a bundle's pictures may have."""
    assert list(weights) == list(FORMATS)
    assert all(weight > 0 for weight in weights.values())


def test_the_limits_of_the_decoders_hold(weights):
    """Proves that no format takes more than `DECODER_BYTES` promises, and that those with a lower limit need it."""
    for name, weight in weights.items():
        assert weight < DECODER_BYTES.get(name, 8) + OVERHEAD, name
    assert weights["WEBP"] > 8
    assert weights["JPEG2000"] > 8


def test_the_figure_is_per_pixel(tmp_path):
    """Proves that a picture of four times the pixels has about the same figure."""
    noise = Image.effect_noise((2000, 2000), 90).convert("RGB")
    large = _weigh(noise, "PNG", tmp_path, FORMATS["PNG"])
    small = _weigh(noise.resize((1000, 1000)), "PNG", tmp_path, FORMATS["PNG"])
    assert large == pytest.approx(small, rel=0.6)


def test_a_format_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    """Proves that a reader that fails is an error with its words, and not a format that takes nothing."""
    monkeypatch.setattr("benchmarks.figures.decoders._SCRIPT", "raise SystemExit('no such decoder')")
    with pytest.raises(BenchmarkError, match="GIF: could not be read: no such decoder"):
        _weigh(Image.new("RGB", (10, 10)), "GIF", tmp_path, {})


@pytest.mark.parametrize("name", FORMATS)
def test_each_picture_is_of_the_format_that_its_name_says(tmp_path, name, monkeypatch):
    """Proves that what is weighed under a name is written in that format, progressive where it says so."""
    monkeypatch.setattr("benchmarks.figures.decoders._SCRIPT", "print(1024)")
    weight = _weigh(Image.new("RGB", (32, 16), (200, 30, 30)), name, tmp_path, FORMATS[name])
    assert weight == 1024 / (32 * 16)
    with Image.open(tmp_path / "picture") as picture:
        assert picture.format == name.partition(",")[0]
        assert bool(picture.info.get("progressive")) == name.endswith("progressive")
