"""What an ONNX file of others says of itself: its tensors and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.formats import ONNX
from edge_runtime.bundle.manifest import MAX_MODEL_BYTES, TensorInfo
from exporter.errors import SourceError
from exporter.formats.facts import FileFacts, require_one

_PASSED = ("DequantizeLinear", "QuantizeLinear", "Reshape", "Squeeze", "Flatten", "Identity", "Cast", "Unsqueeze")


def onnx_facts(path: Path, content: bytes, size: tuple[int, int] | None) -> FileFacts:
    """Return what an ONNX file says.

    Args:
        path: the file.
        content: its bytes.
        size: height and width to give a file that takes any, pixels.

    Raises:
        SourceError: it is damaged, or has several inputs or outputs.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(content)
    except (DecodeError, ValueError, TypeError) as error:
        raise SourceError(f"{path}: is a damaged ONNX file. Copy it again, or export the model again.") from error
    notes = []
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        _take_weights_in(path, model)
        notes.append("Its weights lay in a file beside it. They are inside the file of the bundle.")
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    require_one(path, [value.name for value in inputs], [value.name for value in model.graph.output])
    if size is not None and _fix_size(inputs[0], size):
        notes.append(f"It took pictures of any size, and takes {size[1]} x {size[0]} pixels now.")
    fixed = model.SerializeToString() if notes else content
    ending = _ending(model)
    tensors = [_tensor(path, value) for value in (inputs[0], model.graph.output[0])]
    source, result = (_quantised(tensor, model, is_input=not place) for place, tensor in enumerate(tensors))
    return FileFacts(ONNX, fixed, source, result, ending, notes=tuple(notes))


def _take_weights_in(path: Path, model: Any) -> None:
    from onnx.external_data_helper import load_external_data_for_model

    try:
        load_external_data_for_model(model, str(path.parent))
    # onnx raises its own ValidationError, which derives from Exception, where a path leads out of the folder.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{path}: keeps its weights in another file, which cannot be read ({reason:.200}). Lay that file "
            "beside "
            "it, or save the model as one file."
        ) from error
    if model.ByteSize() > MAX_MODEL_BYTES:
        raise SourceError(f"{path}: too large: {model.ByteSize():,} bytes, at most {MAX_MODEL_BYTES:,}.")


def _fix_size(value: Any, size: tuple[int, int]) -> bool:
    """Give an input of open height and width these, in place; return whether it had none."""
    sizes = value.type.tensor_type.shape.dim
    if len(sizes) != 4:
        return False
    first = sizes[1].dim_value in (1, 3)
    rows, columns = (sizes[2], sizes[3]) if first else (sizes[1], sizes[2])
    if rows.dim_value and columns.dim_value:
        return False
    rows.dim_value, columns.dim_value = rows.dim_value or size[0], columns.dim_value or size[1]
    return True


def _tensor(path: Path, value: Any) -> TensorInfo:
    from onnx import helper

    found = value.type.tensor_type
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(found.elem_type)).name
    except KeyError:
        dtype = "text"
    if dtype not in ("uint8", "int8", "float16", "float32", "float64"):
        raise SourceError(
            f"{path}: expected numbers of uint8, int8 or float32, received {dtype} in {value.name}. Export a model "
            "that takes a picture and gives scores."
        )
    shape = tuple(size.dim_value or -1 for size in found.shape.dim) or (-1,)
    return TensorInfo(value.name, dtype, shape)


def _ending(model: Any) -> str:
    makers = {name: node for node in model.graph.node for name in node.output}
    name = model.graph.output[0].name
    for _ in model.graph.node:
        node = makers.get(name)
        if node is None:
            return ""
        if node.op_type not in _PASSED:
            return str(node.op_type.lower())
        name = node.input[0]
    return ""


def _quantised(tensor: TensorInfo, model: Any, *, is_input: bool) -> TensorInfo:
    """Return a tensor with scale and zero point, where the graph gives an integer one only those."""
    if tensor.dtype not in ("uint8", "int8"):
        return tensor
    kind = "DequantizeLinear" if is_input else "QuantizeLinear"
    for node in model.graph.node:
        names = node.input if is_input else node.output
        if node.op_type == kind and tensor.name in names:
            numbers = [_constant(model, name) for name in node.input[1:3]]
            if numbers and all(number is not None and number.size == 1 for number in numbers):
                scale, *zero = (number.reshape(-1)[0] for number in numbers if number is not None)
                return TensorInfo(
                    tensor.name, tensor.dtype, tensor.shape, float(scale), int(zero[0]) if zero else 0
                )
    return tensor


def _constant(model: Any, name: str) -> Any:
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    for node in model.graph.node:
        if node.op_type == "Constant" and name in node.output:
            return numpy_helper.to_array(node.attribute[0].t)
    return None
