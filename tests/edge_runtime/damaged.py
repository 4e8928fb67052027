"""Model files that do harm: one that ends its process, one that never ends, some that keep weights elsewhere."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.bundle import MANIFEST
from edge_runtime.bundle.folder import PRETRAINED

CRASHING = "model.int8.tflite"


def crashing_bundle(folder: Path) -> Path:
    """Copy the bundle that comes with the package, with an int8 TFLite file whose scales are all 0.

    LiteRT ends with a segmentation fault on it. Its hash in the manifest is right.
    """
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    shutil.copytree(PRETRAINED, folder)
    path = folder / CRASHING
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    for tensor in model.subgraphs[0].tensors:
        if tensor.quantization and tensor.quantization.scale is not None:
            tensor.quantization.scale = [0.0] * len(tensor.quantization.scale)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    put_file(folder, CRASHING, bytes(builder.Output()))
    return folder


def put_file(folder: Path, name: str, content: bytes) -> None:
    """Replace a model file of a bundle, and put its size and hash right."""
    (folder / name).write_bytes(content)
    values = json.loads((folder / MANIFEST).read_text())
    for file in values["files"]:
        if file["path"] == name:
            file |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(values))


def onnx_model(nodes: list[Any], tensors: list[Any], **fields: Any) -> Any:
    """Return an ONNX model on `float32 (1, 16, 16, 3)` with the output `scores (1, 2)`."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the ONNX files of these tests")
    helper, types = onnx.helper, onnx.TensorProto
    image = helper.make_tensor_value_info("image", types.FLOAT, (1, 16, 16, 3))
    scores = helper.make_tensor_value_info("scores", types.FLOAT, (1, 2))
    means = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["sums"]),
    ]
    if not any(tensor.name == "weights" for tensor in tensors):
        tensors = [*tensors, onnx.numpy_helper.from_array(np.full((3, 2), 1e-3, np.float32), "weights")]
    graph = helper.make_graph([*means, *nodes], "graph", [image], [scores], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **fields)


def endless_onnx() -> bytes:
    """Return an ONNX file that loads, and loops for ever on its first picture."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the ONNX files of these tests")
    helper, types = onnx.helper, onnx.TensorProto
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [value("count", types.INT64, []), value("go", types.BOOL, []), value("x", types.FLOAT, [1, 2])],
        [value("still", types.BOOL, []), value("y", types.FLOAT, [1, 2])],
    )
    loop = helper.make_node("Loop", ["", "true", "sums"], ["scores"], body=body)
    true = onnx.numpy_helper.from_array(np.array(True), "true")
    content: bytes = onnx_model([loop], [true]).SerializeToString()
    return content


def elsewhere(name: str, shape: tuple[int, ...], location: str) -> Any:
    """Return a tensor whose values are the bytes of another file."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the ONNX files of these tests")
    tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor
