"""HEIC on an emulated Raspberry Pi: what is the same to the bit there, and what is not."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.picture.decoding import decode_whole
from tests.environments import emulated_pi

pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif writes the files of this test")
SCRIPT = """
import json, sys
from edge_runtime.picture.decoding import decode_whole
print(json.dumps({name: decode_whole(name).tolist() for name in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """HEIC files of each kind: subsampling, lossless or not, tiles, transparency, 10 bits, limited range."""
    folder, dice = tmp_path_factory.mktemp("heic"), np.random.default_rng(0)
    noise = dice.integers(0, 256, (97, 75, 4)).astype(np.uint8)
    image = Image.fromarray(noise[..., :3])
    kinds = {
        f"{chroma}-{quality}": (image, {"chroma": chroma, "quality": quality})
        for chroma in ("420", "422", "444")
        for quality in (-1, 60)
    }
    kinds["tiles"] = (image.resize((200, 150)), {"tile_size": 64})
    kinds["transparent"] = (Image.fromarray(noise), {})
    kinds["limited"] = (image, {"quality": 70, "full_range_flag": 0})
    for name, (picture, options) in kinds.items():
        pillow_heif.from_pillow(picture).save(str(folder / f"{name}.heic"), **options)
    wide = noise[..., :3].astype("<u2") * 257
    pillow_heif.from_bytes("RGB;16", image.size, wide.tobytes()).save(str(folder / "10-bit.heic"), quality=60)
    return sorted(folder.iterdir())


def test_heic_is_the_same_but_for_limited_range(files: list[Path]) -> None:
    """Proves that HEIC decodes to the same bits on a Pi, but that limited range may be one step of 255 apart."""
    pi = emulated_pi("onnx")
    done = pi.run("-c", SCRIPT, *map(str, files))
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)
    apart = {
        path.stem: int(np.abs(decode_whole(path).astype(int) - np.array(there[str(path)])).max()) for path in files
    }
    assert apart.pop("limited") <= 1
    assert set(apart.values()) == {0}, apart
