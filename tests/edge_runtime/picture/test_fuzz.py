"""10,000 damaged pictures and manifests: each gives pixels, a bundle, or one error that says what is wrong."""

import copy
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.bundle import MANIFEST, read_bundle
from edge_runtime.commands.info import bundle_lines, describe_bundle
from edge_runtime.errors import BundleError, PictureError
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from tests.edge_runtime.bundle.test_folder import CONTENT, FILE, PETS, places

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis makes the cases of these tests")
st = hypothesis.strategies

PICTURES, MANIFESTS = 7000, 3000
TARGET = Preprocessing(16, 16)
ODD = Path(__file__).parents[4] / "shared/data/odd"
# The same cases everywhere, so that CI does not fail by chance; another seed finds others.
SETTINGS = hypothesis.settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=(hypothesis.Phase.generate,),
)


def small_pictures() -> dict[str, bytes]:
    """Return whole small pictures of each format and many modes: drawn ones, and real ones if they are there."""
    noise = np.random.default_rng(0).integers(0, 256, (14, 18, 4)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("RGB", "JPEG", {"exif": exif}),
        ("L", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("RGBA", "PNG", {"exif": exif}),
        ("P", "PNG", {"transparency": 3}),
        ("1", "PNG", {}),
        ("P", "GIF", {"save_all": True, "append_images": [Image.new("P", (18, 14), 7)]}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("RGB", "WEBP", {"exif": exif}),
        ("RGB", "BMP", {}),
        ("RGB", "TIFF", {"exif": exif}),
        ("L", "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", "PPM", {}),
        ("RGB", "TGA", {"compression": "tga_rle"}),
        ("RGB", "AVIF", {}),
        ("RGB", "JPEG2000", {}),
    ]
    pictures = {}
    for mode, file_format, options in kinds:
        buffer = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(buffer, file_format, **options)
        pictures[f"{file_format} {mode}"] = buffer.getvalue()
    real = sorted(ODD.iterdir()) if ODD.is_dir() else []
    return pictures | {path.name: path.read_bytes() for path in real if path.stat().st_size < 6000}


SEEDS = small_pictures()
PLACE = st.floats(0, 1, exclude_max=True)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "double", "insert", "head"]), PLACE, st.integers(0, 255)),
    min_size=1,
    max_size=6,
)


def damaged(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    """Apply changes one after the other."""
    for kind, place, value in changes:
        index = int(place * len(content))
        if kind == "head":  # the first bytes hold sizes and offsets
            index = int(place * min(64, len(content)))
        if kind in ("set", "head"):
            content = content[:index] + bytes([value]) + content[index + 1 :]
        elif kind == "cut":
            content = content[:index] + content[index + value :]
        elif kind == "double":
            content = content[: index + value] + content[index:]
        else:
            content = content[:index] + bytes([value]) * 3 + content[index:]
    return content


@hypothesis.settings(SETTINGS, max_examples=PICTURES)
@hypothesis.given(name=st.sampled_from(sorted(SEEDS)), changes=CHANGES)
def test_damaged_pictures(name: str, changes: list[tuple[str, float, int]]) -> None:
    """Proves on 7,000 cases that a damaged picture gives pixels or one PictureError of one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata
        try:
            pixels = load_picture(damaged(SEEDS[name], changes), TARGET, max_pixels=1_000_000)
        except PictureError as error:
            assert "\n" not in error.reason  # noqa: PT017
            return
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "\0", "\ud800", 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
PLACES = list(places(PETS.to_dict()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle. Beside it lies a file that no manifest may reach."""
    folder = tmp_path_factory.mktemp("fuzz") / "bundle"
    folder.mkdir()
    (folder / FILE.path).write_bytes(CONTENT)
    (folder.parent / "secret").write_bytes(CONTENT)
    return folder


@hypothesis.settings(SETTINGS, max_examples=MANIFESTS)
@hypothesis.given(
    edits=st.lists(st.tuples(st.sampled_from(PLACES), JSON), max_size=3),
    changes=st.just([]) | CHANGES,
)
def test_damaged_manifests(
    folder: Path, edits: list[tuple[tuple[Any, ...], Any]], changes: list[tuple[str, float, int]]
) -> None:
    """Proves on 3,000 cases that a damaged manifest gives a bundle or one BundleError and reaches no other file."""
    values = copy.deepcopy(PETS.to_dict())
    for path, value in edits:
        replace_at(values, path, value)
    (folder / MANIFEST).write_bytes(damaged(json.dumps(values).encode(), changes))
    try:
        bundle = read_bundle(folder)
        for file in bundle.files:
            assert bundle.read(file) == CONTENT
            assert (folder / file.path).parent == folder
        for picture in bundle.selftest:
            assert (folder / picture.path).parent == folder / "selftest"
        assert "\n".join(bundle_lines(describe_bundle(folder, "onnxruntime"))).encode()
    except BundleError as error:
        assert str(folder) in str(error)  # noqa: PT017


def replace_at(values: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set a value deep inside, if an earlier edit has left the way to it."""
    try:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return
