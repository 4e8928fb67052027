"""Code of a model's maker runs only where the user names a file to trust."""

import numpy as np
import pytest

from exporter.errors import SourceError
from exporter.network.loading import load_model

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
SQUARE = """
import keras
from pathlib import Path

Path({marker!r}).write_text("ran")

@keras.saving.register_keras_serializable("mine")
class Square(keras.layers.Layer):
    def call(self, x):
        return x * x

if __name__ == "__main__":
    raise SystemExit("trains for hours")
"""


@pytest.fixture
def square(tensorflow, tmp_path):
    """A model with a layer of its maker's own, the file that defines it, and what that file writes."""
    import keras

    marker, code = tmp_path / "ran", tmp_path / "square.py"
    code.write_text(SQUARE.format(marker=str(marker)))

    @keras.saving.register_keras_serializable("mine")
    class Square(keras.layers.Layer):
        def call(self, x):
            return x * x

    layers = keras.layers
    image = keras.Input((8, 8, 3))
    found = layers.GlobalAveragePooling2D()(Square()(layers.Rescaling(1 / 255)(image)))
    model = keras.Model(image, layers.Dense(2, "softmax")(found))
    model.save(tmp_path / "m.keras")
    expected = model.predict_on_batch(PIXELS)
    keras.saving.get_custom_objects().pop("mine>Square")
    yield tmp_path / "m.keras", code, marker, expected
    keras.saving.get_custom_objects().pop("mine>Square", None)


def test_a_layer_of_ones_own_needs_trust(square):
    """Proves that without --trust nothing runs, and that the layer and the option are named."""
    path, _, marker, _ = square
    with pytest.raises(SourceError, match=r"m\.keras: has a layer of its maker's own, Square, .*--trust FILE\.py"):
        load_model(path)
    assert not marker.exists()


def test_a_trusted_file_defines_the_layer(square):
    """Proves that the trusted file runs, but not as a program, and that the model computes as it did."""
    path, code, marker, expected = square
    np.testing.assert_allclose(load_model(path, code).predict_on_batch(PIXELS), expected, atol=1e-6)
    assert marker.exists()


def test_a_trusted_file_without_the_layer(square, tmp_path):
    """Proves that a trusted file that does not define the layer is named with it."""
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(SourceError, match=r"needs the layer Square, and .*empty\.py does not define it"):
        load_model(square[0], empty)


@pytest.mark.parametrize(
    ("content", "message"),
    [("import keras\nx = 1 / 0\n", r"failed in line 2 \(ZeroDivisionError"), ("x = (", "SyntaxError"),
     ("raise SystemExit(0)", "SystemExit")],
)  # fmt: skip
def test_a_trusted_file_that_fails(square, tmp_path, content, message):
    """Proves that an error in the trusted file is one line with its place."""
    broken = tmp_path / "broken.py"
    broken.write_text(content)
    with pytest.raises(SourceError, match=rf"broken\.py: .*{message}") as refused:
        load_model(square[0], broken)
    assert "\n" not in str(refused.value)


def test_a_trusted_file_that_is_missing(square):
    """Proves that a mistyped file is named with the option."""
    with pytest.raises(SourceError, match=r"nowhere\.py: no such file.*--trust"):
        load_model(square[0], square[1].with_name("nowhere.py"))


def test_a_lambda_layer_needs_trust(tensorflow, tmp_path):
    """Proves that a Lambda layer is refused with its name and the option, and that it computes with it."""
    import keras

    layers = keras.layers
    image = keras.Input((8, 8, 3))
    found = layers.Lambda(lambda x: x / 127.5 - 1, name="to_range")(image)
    model = keras.Model(image, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(found)))
    model.save(tmp_path / "m.keras")
    with pytest.raises(SourceError, match=r"m\.keras: has a Lambda layer \(to_range\).*--trust FILE\.py"):
        load_model(tmp_path / "m.keras")
    trusted = tmp_path / "empty.py"
    trusted.write_text("")
    found = load_model(tmp_path / "m.keras", trusted)
    np.testing.assert_allclose(found.predict_on_batch(PIXELS), model.predict_on_batch(PIXELS), atol=1e-6)


def test_trust_does_not_last(tensorflow, tmp_path):
    """Proves that a Lambda layer is refused again after another was trusted."""
    test_a_lambda_layer_needs_trust(tensorflow, tmp_path)
    with pytest.raises(SourceError, match="has a Lambda layer"):
        load_model(tmp_path / "m.keras")
