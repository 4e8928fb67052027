"""A TFLite file gets another end: its features, or another last layer."""

import random
import struct

import numpy as np
import pytest

from edge_runtime.backends import open_model
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.teaching.flatbuffer import root
from edge_runtime.teaching.head import Head, softmax
from edge_runtime.teaching.tail import GRAPHS, OPERATORS, Network, last_layer, read_network
from edge_runtime.teaching.tflite_file import evened, features_file, taught_file

NOISE = np.random.default_rng(0)
PIXELS = NOISE.integers(0, 256, (6, 128, 128, 3), np.uint8)


def real_features(network: Network) -> np.ndarray:
    """Return the features of the pictures, as a backend computes them."""
    model = open_model("litert", features_file(network), 1)
    return np.array([model.predict(picture) for picture in PIXELS], np.float64)


def test_features_are_the_input_of_the_last_layer(network: Network) -> None:
    """Proves that the features with the file's own last layer give the scores of the file, to a few int8 steps."""
    head = Head(*last_layer(network, 3))
    model = open_model("litert", network.content, 1)
    expected = np.array([model.predict(picture) for picture in PIXELS])
    assert np.abs(softmax(head.logits(real_features(network))) - expected).max() < 0.02


def test_features_are_those_of_another_reader(network: Network) -> None:
    """Proves with LiteRT's own reader of tensors that the features are the tensor before the last dense layer."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    whole = interpreter(model_content=network.content, experimental_preserve_all_tensors=True)
    whole.allocate_tensors()
    whole.set_tensor(whole.get_input_details()[0]["index"], PIXELS[:1])
    whole.invoke()
    stored = whole.get_tensor(network.tail.features)[0]
    expected = (stored.astype(np.float64) - network.tail.zero_point) * network.tail.step
    assert np.allclose(real_features(network)[0], expected, atol=1e-6)


@pytest.mark.parametrize("labels", [2, 3, 7])
def test_a_taught_file_computes_the_new_layer(network: Network, labels: int) -> None:
    """Proves that the written file gives the scores of the new layer, for fewer and for more labels than before."""
    noise = np.random.default_rng(labels)
    head = Head(noise.normal(0, 0.3, (labels, network.tail.width)), noise.normal(0, 1, labels)).centred()
    logits = head.logits(real_features(network))
    content = taught_file(network, head, (logits.min() - 0.1, logits.max() + 0.1))
    model = open_model("litert", content, 1)
    assert model.output.shape == (1, labels)
    scores = np.array([model.predict(picture) for picture in PIXELS])
    assert np.abs(scores - softmax(logits)).max() < 0.03


def test_it_computes_the_same_without_xnnpack(network: Network) -> None:
    """Proves that the file needs no delegate: the plain kernels give the scores too."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    head = Head(np.eye(4, network.tail.width), np.arange(4.0))
    content = taught_file(network, head, (-1.0, 6.0))
    plain = litert.Interpreter(
        model_content=content, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    plain.allocate_tensors()
    plain.set_tensor(plain.get_input_details()[0]["index"], PIXELS[:1])
    plain.invoke()
    scores = plain.get_tensor(plain.get_output_details()[0]["index"])[0] / 256
    assert np.abs(scores - open_model("litert", content, 1).predict(PIXELS[0])).max() < 0.02


def test_the_old_file_is_the_end_of_the_new_one(network: Network) -> None:
    """Proves that no byte of the old file changes, that little is added, and that the result can be read again."""
    content = taught_file(network, Head(np.ones((5, network.tail.width)), np.zeros(5)), (-1.0, 1.0))
    assert content.endswith(network.content)
    assert len(content) - len(network.content) < 5 * network.tail.width + 4000
    again = read_network(content)
    assert again.tail._replace(scores=()) == network.tail._replace(scores=())
    weights, bias = last_layer(again, 5)
    assert np.allclose(weights, 1, atol=0.01)
    assert np.allclose(bias, 0)


def test_a_sigmoid_without_bias_becomes_a_softmax(tflite_int8: bytes) -> None:
    """Proves that a network of two labels and one output, whose last layer has no bias, can be taught three."""
    network = read_network(tflite_int8)
    weights, bias = last_layer(network, 2)
    assert weights.shape == (2, 3)
    assert not weights[0].any()
    assert not bias.any()
    pixels = np.full((16, 16, 3), (200, 60, 20), np.uint8)
    old = open_model("litert", tflite_int8, 1).predict(pixels)
    features = open_model("litert", features_file(network), 1).predict(pixels).astype(np.float64)
    assert softmax(Head(weights, bias).logits(features[None]))[0, 1] == pytest.approx(float(old[0]), abs=0.02)
    head = Head(np.concatenate([weights, -weights[1:] / 2]), np.array([0.5, -4.0, 1.0])).centred()
    logits = head.logits(features[None])
    content = taught_file(network, head, (logits.min() - 0.5, logits.max() + 0.5))
    assert np.abs(open_model("litert", content, 1).predict(pixels) - softmax(logits)[0]).max() < 0.03


def test_the_bias_makes_up_for_rounded_weights(network: Network) -> None:
    """Proves that the written file is nearer to what was fitted when one large weight makes the others coarse."""
    noise = np.random.default_rng(1)
    weights = noise.normal(0, 0.2, (3, network.tail.width))
    weights[0, 0] = 20
    head, features = Head(weights, np.zeros(3)).centred(), real_features(network)
    logits = head.logits(features)
    limits = (logits.min() - 1, logits.max() + 1)

    def wrong(layer: Head) -> float:
        model = open_model("litert", taught_file(network, layer, limits), 1)
        return float(np.abs([model.predict(picture) for picture in PIXELS] - softmax(logits)).mean())

    assert wrong(evened(head, features)) < 0.5 * wrong(head)


@pytest.mark.parametrize("name", ["tflite_float32", "tflite_echo"])
def test_another_end_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    """Proves that a float file, and one without a dense layer at its end, are refused with a reason."""
    with pytest.raises(ValueError, match=r"^(does not|ends|has) "):
        read_network(request.getfixturevalue(name))


def test_damaged_files_are_refused_or_read() -> None:
    """Proves that no damage makes the reader fail otherwise, read beyond the file, or take long."""
    content = (PRETRAINED / "model.int8.tflite").read_bytes()
    start = root(content).tables(GRAPHS)[0].tables(OPERATORS)[0].start
    chance = random.Random(0)
    places = [*range(0, 60), *(chance.randrange(start - 4000, start + 4000) for _ in range(300))]
    for place in places:
        damaged = bytearray(content)
        struct.pack_into("<I", damaged, place % (len(content) - 4), chance.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF]))
        try:
            last_layer(read_network(bytes(damaged)), 3)
        except ValueError:
            continue
    for length in (0, 3, 8, 100, len(content) // 2):
        with pytest.raises(ValueError, match=r"^\w+"):
            read_network(content[:length])
