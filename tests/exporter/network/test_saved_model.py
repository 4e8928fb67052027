"""SavedModel folders are loaded as they compute, and those that reach beyond themselves are refused."""

import numpy as np
import pytest

from exporter.errors import SourceError
from exporter.network.loading import load_model
from exporter.network.model import examine_model
from exporter.network.outputs import Ending

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.float32)


def write(tf, folder, function, shape=(None, 8, 8, 3), dtype="float32", names=("image",)):
    """Write a SavedModel of one function."""
    module = tf.Module()
    module.weights = tf.Variable(np.random.default_rng(1).normal(size=(3, 2)).astype(np.float32) / 100)
    specs = [tf.TensorSpec(shape, dtype, name=name) for name in names]
    module.serve = tf.function(lambda *args: function(module, *args), input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return module


def logits(tf):
    """Return the function of a tiny classifier."""
    return lambda module, image: {"logits": tf.matmul(tf.reduce_mean(tf.cast(image, tf.float32), [1, 2]),
                                                      module.weights)}  # fmt: skip


def test_a_saved_model_computes_the_same(tensorflow, tmp_path):
    """Proves that outputs are those of the signature, and that input and ending are found out."""
    module = write(tensorflow, tmp_path / "m", logits(tensorflow))
    model = load_model(tmp_path / "m")
    np.testing.assert_allclose(model.predict_on_batch(PIXELS), module.serve(PIXELS)["logits"], atol=1e-6)
    facts = examine_model(tmp_path / "m")
    assert (facts.outputs, facts.ending) == (2, Ending.LOGITS)
    assert (facts.pictures.height, facts.pictures.width, facts.pictures.channels) == (8, 8, 3)


@pytest.mark.parametrize("ending", ["softmax", "sigmoid"])
def test_the_ending_is_found_by_noise(tensorflow, tmp_path, ending):
    """Proves that shares that sum to 1 are scores, and that others from 0 to 1 are independent."""
    tf = tensorflow
    activate = {"softmax": tf.nn.softmax, "sigmoid": tf.sigmoid}[ending]
    write(tf, tmp_path / "m", lambda module, image: {"y": activate(logits(tf)(module, image)["logits"])})
    expected = {"softmax": Ending.SCORES, "sigmoid": Ending.INDEPENDENT}[ending]
    assert examine_model(tmp_path / "m").ending is expected


def test_a_program_that_reaches_beyond_itself_is_refused(tensorflow, tmp_path):
    """Proves that a SavedModel with an operator that writes files is refused, and that it writes none."""
    tf, marker = tensorflow, tmp_path / "written"

    def harm(module, image):
        tf.io.write_file(str(marker), "x")
        return logits(tf)(module, image)

    write(tf, tmp_path / "m", harm)
    marker.unlink(missing_ok=True)
    with pytest.raises(SourceError, match=r"has the operator WriteFile, which reaches beyond the model"):
        load_model(tmp_path / "m")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("image", "other")}, "one input and one output, received the inputs image, other"),
        ({"shape": (None,), "dtype": "string"}, "received string"),
    ],
)
def test_other_signatures_are_one_line(tensorflow, tmp_path, options, message):
    """Proves that two inputs and encoded files are refused with what was received."""
    tf = tensorflow
    write(tf, tmp_path / "m", lambda module, *images: {"y": tf.zeros((1, 2)) + module.weights[0]}, **options)
    with pytest.raises(SourceError, match=message):
        load_model(tmp_path / "m")


def test_a_damaged_saved_model(tmp_path, tensorflow):
    """Proves that damage to the graph, and missing variables, are one line."""
    write(tensorflow, tmp_path / "m", logits(tensorflow))
    for path in (tmp_path / "m" / "variables").iterdir():
        path.unlink()
    with pytest.raises(SourceError, match="TensorFlow cannot load it"):
        load_model(tmp_path / "m")
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"\xff" * 40)
    with pytest.raises(SourceError, match=r"saved_model\.pb cannot be read"):
        load_model(tmp_path / "m")
