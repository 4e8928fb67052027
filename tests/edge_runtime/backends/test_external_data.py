"""ONNX files whose weights lie in another file, past the bundle's hash, are refused wherever the tensor hides."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.backends import open_model
from edge_runtime.backends.external_data import has_external_data
from edge_runtime.errors import BackendError
from tests.edge_runtime.damaged import elsewhere, onnx_model

onnx = pytest.importorskip("onnx", reason="onnx writes the ONNX files of these tests")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs the ONNX files of these tests")
helper = onnx.helper
HIDDEN = elsewhere("hidden", (1, 2), "w.bin")


def constant(**attribute: Any) -> Any:
    """Return a node that has a tensor as an attribute."""
    node = helper.make_node("Constant", [], ["hidden"])
    node.attribute.append(onnx.AttributeProto(name="value", **attribute))
    return node


def in_graph() -> Any:
    """Return a node with a graph that has the tensor."""
    body = helper.make_graph([helper.make_node("Identity", ["hidden"], ["y"])], "body", [], [], [HIDDEN])
    return helper.make_node("If", ["yes"], ["y"], then_branch=body, else_branch=body)


def training() -> Any:
    """Return a model whose training part has the tensor."""
    model = onnx_model([], [])
    model.training_info.add().initialization.initializer.append(HIDDEN)
    return model


def function() -> Any:
    """Return a model of which a function has a node with the tensor."""
    model = onnx_model([], [])
    model.functions.add(name="f", domain="d").node.append(constant(t=HIDDEN))
    return model


PLACES: dict[str, Callable[[], Any]] = {
    "initializer": lambda: onnx_model([], [HIDDEN]),
    "attribute": lambda: onnx_model([constant(t=HIDDEN)], []),
    "one of several attributes": lambda: onnx_model([constant(tensors=[HIDDEN])], []),
    "sparse attribute": lambda: onnx_model([constant(sparse_tensor=onnx.SparseTensorProto(values=HIDDEN))], []),
    "inner graph": lambda: onnx_model([in_graph()], []),
    "graph of an inner graph": lambda: onnx_model(
        [helper.make_node("If", ["y"], ["z"], then_branch=helper.make_graph([in_graph()], "o", [], []))], []
    ),
    "training": training,
    "function": function,
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_wherever_it_hides(place: str) -> None:
    """Proves that every part of an ONNX file that can hold a tensor is looked at."""
    content = PLACES[place]().SerializeToString()
    assert has_external_data(content)
    with pytest.raises(BackendError, match="keeps its weights in another file"):
        open_model("onnxruntime", content, 1)


def test_a_file_in_the_current_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that bytes beside the shell's prompt do not become weights, as ONNX Runtime would have it."""
    (tmp_path / "w.bin").write_bytes(np.full((3, 2), 7, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    node = helper.make_node("Identity", ["sums"], ["scores"])
    content = onnx_model([node], [elsewhere("weights", (3, 2), "w.bin")]).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    scores = session.run(None, {"image": np.ones((1, 16, 16, 3), np.float32)})[0]
    assert scores.tolist() == [[21, 21]]  # so there is something to refuse
    with pytest.raises(BackendError, match="hashes do not cover"):
        open_model("onnxruntime", content, 1)


@pytest.mark.parametrize(
    ("tag", "value"),
    [(b"\x70", b"\x01"), (b"\xf0\x00", b"\x01"), (b"\x70", b"\x81\x00"), (b"\xf0\x80\x80\x80\x10", b"\x01")],
    ids=["as written", "a longer tag", "a longer value", "a tag beyond 32 bits"],
)
def test_other_spellings_of_the_same_number_are_found(tag: bytes, value: bytes) -> None:
    """Proves that the encoding's freedom hides nothing."""
    tensor = b"\x08\x01" + tag + value
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    assert has_external_data(b"\x08\x08\x3a" + bytes([len(graph)]) + graph)


def test_files_that_are_whole_in_themselves_pass(onnx_file: Callable[..., bytes]) -> None:
    """Proves that nothing else is refused, not even a tensor that says that it lies in the file."""
    assert not has_external_data(onnx_file("sigmoid"))
    tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "own")
    tensor.data_location = onnx.TensorProto.DEFAULT
    assert not has_external_data(onnx_model([], [tensor]).SerializeToString())


def test_damaged_bytes_are_an_error_or_an_answer(onnx_file: Callable[..., bytes]) -> None:
    """Proves that any bytes end in an answer or a ValueError, and that a cut in a field is seen."""
    content, chance = onnx_file("sigmoid"), random.Random(0)
    for _ in range(2000):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            has_external_data(bytes(damaged[: chance.randrange(len(damaged))]))
        except ValueError:
            continue
    with pytest.raises(ValueError, match="a field ends behind its message"):
        has_external_data(content[:-1])
    for other in (b"\xff" * 20, b"\x0b", b"\x0f"):
        with pytest.raises(ValueError, match="not an ONNX file"):
            has_external_data(other)


def test_onnx_runtimes_own_format_is_refused() -> None:
    """Proves that the other format that ONNX Runtime knows, whose weights may lie outside, is not taken."""
    with pytest.raises(BackendError, match="onnxruntime does not load this file"):
        open_model("onnxruntime", b"\x10\0\0\0ORTM" + bytes(64), 1)
