"""Round the convolutions of an int8 ONNX file together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels
from exporter.formats.weight_rounding import MOST_INPUTS, Window, input_powers, leave_nearest, round_kernels
from exporter.network.model import INPUT_NAME


def round_weights(quantised: Any, float32: Any, calibration: Pixels) -> None:
    """Round the kernels of all two-dimensional ungrouped convolutions together, in place. Their scales stay.

    Args:
        quantised: the `onnx.ModelProto` in QDQ form, kernels in int8 with a scale for each channel.
        float32: the `onnx.ModelProto` that it was made from. Its nodes have the same names.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`.
    """
    try:
        _round_together(quantised, float32, calibration)
    except Exception as error:  # of an operator that is not known here: the file is whole without it
        leave_nearest(error, "ONNX")


def _round_together(quantised: Any, float32: Any, calibration: Pixels) -> None:
    from onnx import numpy_helper

    constants = {constant.name: constant for constant in quantised.graph.initializer}
    exact = {constant.name: constant for constant in float32.graph.initializer}
    layers = _layers(quantised, float32.graph, exact)
    if not layers:
        return
    tensors = _inputs(float32, [node.input[0] for node, *_ in layers], calibration)
    powers = input_powers(tensors, [window for _, window, *_ in layers], len(calibration))
    to_array = numpy_helper.to_array
    steps = round_kernels(
        (to_array(exact[node.input[1]]), to_array(constants[kernel]), to_array(constants[scale]), power)
        for (node, _, kernel, scale), power in zip(layers, powers, strict=True)
    )
    for (_, _, kernel, _), rounded in zip(layers, steps, strict=True):
        constants[kernel].CopyFrom(numpy_helper.from_array(rounded, kernel))


def _layers(quantised: Any, graph: Any, exact: dict[str, Any]) -> list[tuple[Any, Window, str, str]]:
    """Return the float nodes with kernels that can be rounded, each with its kernel and scale in the int8 file."""
    dequantised = {node.output[0]: node for node in quantised.graph.node if node.op_type == "DequantizeLinear"}
    twins = {node.name: node for node in quantised.graph.node if node.op_type == "Conv"}
    found = []
    for node in graph.node:
        twin = twins.get(node.name) if node.op_type == "Conv" else None
        kernel = dequantised.get(twin.input[1]) if twin else None
        weights = exact.get(node.input[1]) if kernel is not None else None
        if kernel is None or weights is None or math.prod(weights.dims[1:]) > MOST_INPUTS:
            continue
        window = _window(node)
        if window is not None:
            found.append((node, window, kernel.input[0], kernel.input[1]))
    return found


def _window(node: Any) -> Window | None:
    """Return a convolution's window; None if it is grouped, dilated, not two-dimensional or padded above first."""
    from onnx import helper

    options = {option.name: helper.get_attribute_value(option) for option in node.attribute}
    kernel, how = options["kernel_shape"], options.get("auto_pad", b"NOTSET")
    dilated = any(step != 1 for step in options.get("dilations", ()))
    if len(kernel) != 2 or options.get("group", 1) != 1 or dilated or how == b"SAME_LOWER":
        return None
    pads = None if how == b"SAME_UPPER" else tuple(options.get("pads", (0, 0, 0, 0)))
    return Window(tuple(kernel), tuple(options.get("strides", (1, 1))), pads)


def _inputs(float32: Any, names: list[str], calibration: Pixels) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the named tensors for each picture, `float32 (H, W, C)`."""
    import onnx
    from onnx import helper
    from onnxruntime import InferenceSession

    wider = onnx.ModelProto()
    wider.CopyFrom(float32)
    known = {value.name for value in (*wider.graph.output, *wider.graph.input)}
    for name in dict.fromkeys(names):
        if name not in known:
            wider.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = InferenceSession(wider.SerializeToString(), providers=["CPUExecutionProvider"])
    asked = [name for name in dict.fromkeys(names) if name != INPUT_NAME]
    for picture in calibration:
        feed = {INPUT_NAME: picture[None].astype(np.float32)}
        found = feed | dict(zip(asked, session.run(asked, feed), strict=True))
        yield [found[name][0].transpose(1, 2, 0) for name in names]
