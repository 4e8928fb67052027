"""Smaller ONNX files from the float32 one: float16 weights, and int8 by static quantisation in QDQ form."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.picture.preprocessing import Pixels
from exporter.errors import ConversionError
from exporter.formats.onnx.feed import PictureFeed
from exporter.formats.onnx.picture import forget_type, pixel_tensors, take_uint8
from exporter.formats.onnx.rewriting import write_for_integers
from exporter.formats.onnx.rounding import round_weights
from exporter.formats.reason import reason_of
from exporter.formats.score_steps import LARGEST_LOGIT
from exporter.network.model import OUTPUT_NAME

# One step is one level of a pixel, whatever the pictures hold.
_PIXEL_RANGE = {"rmin": np.float32(0), "rmax": np.float32(255)}
# Steps of 1/256, as in TFLite files. ONNX Runtime's softmax of bytes multiplies by the number of steps up to 1 and
# rounds that number down. Steps of 1/255 make it 254.99998 in float32, so 254: all scores would be 0.4 % too small.
_SCORE_RANGE = {"rmin": np.float32(0), "rmax": np.float32(255 / 256)}
_LOGIT_RANGE = {"rmin": np.float32(-LARGEST_LOGIT), "rmax": np.float32(LARGEST_LOGIT)}
# x86 processors without VNNI add up products of unsigned and signed bytes in sums that saturate, unless the signed
# ones have seven bits. Convolutions take such weights, as arithmetic limits them. Memory limits dense layers, so
# these take unsigned weights of eight bits, which every processor multiplies right. See docs/decisions/0006.
_SEVEN_BITS = {"reduce_range": True, "axis": 0}


def quantize_float16(float32: bytes) -> bytes:
    """Return the file with its weights stored in float16; arithmetic, input and output stay float32.

    ONNX Runtime widens the weights once, when it loads the file. It has next to no float16 arithmetic for CPUs, and
    a file that asks for it is cast to and fro around every operator.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    proto = onnx.load_from_string(float32)
    casts = []
    for weights in proto.graph.initializer:
        if weights.data_type != TensorProto.FLOAT:
            continue
        name, values = weights.name, numpy_helper.to_array(weights)
        weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_float16"))
        casts.append(helper.make_node("Cast", [weights.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    content: bytes = proto.SerializeToString()
    return content


def quantize_int8(float32: bytes, calibration: Pixels, *, keep_float: tuple[str, ...] = ()) -> bytes:
    """Return the float32 file quantised to int8 on `uint8 (1, H, W, 3)`: static ranges, per-channel weights.

    Args:
        float32: what `convert_float32` returned.
        calibration: `uint8 (N, H, W, 3) RGB 0-255`, pictures to take tensor ranges from and to round weights by.
        keep_float: names of nodes to leave in float32.

    Raises:
        ConversionError: the quantiser failed.
    """
    pixels, exact, proto = _quantized(float32, calibration, keep_float)
    round_weights(proto, exact, calibration)
    _pad_bytes(proto.graph)
    take_uint8(proto.graph, pixels)
    content: bytes = proto.SerializeToString()
    return content


def _quantized(float32: bytes, calibration: Pixels, keep_float: tuple[str, ...]) -> tuple[list[str], Any, Any]:
    """Let ONNX Runtime quantise a file.

    Returns:
        The tensors that hold levels of pixels, the `onnx.ModelProto` that was quantised, and what became of it.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory() as scratch:
        plain, prepared, result = (Path(scratch, name) for name in ("float32.onnx", "prepared.onnx", "int8.onnx"))
        plain.write_bytes(float32)
        try:
            _prepare(plain, prepared)
            proto, islands = write_for_integers(onnx.load(prepared))
            pixels = pixel_tensors(proto.graph)
            left = _fence(proto.graph, keep_float)
            onnx.save(proto, prepared)
            quantize_static(
                prepared,
                result,
                PictureFeed(calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QUInt8,
                nodes_to_exclude=[*left, *islands],
                extra_options={"TensorQuantOverrides": _overrides(proto.graph, pixels)},
            )
        # onnxruntime's quantiser raises whatever onnx and its own passes raise.
        except Exception as error:
            raise ConversionError(
                f"ONNX Runtime's quantiser failed: {reason_of(error)} Choose --quantize float16."
            ) from error
        return pixels, onnx.load(prepared), onnx.load(result)


def _prepare(plain: Path, prepared: Path) -> None:
    """Let ONNX Runtime fold constants and note shapes."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    try:
        with chdir(
            plain.parent
        ):  # when its inference of shapes gives up, it leaves what it has in the current folder
            quant_pre_process(plain, prepared)
    # It gives up on attention, with a bare Exception. ONNX's own inference is enough, as all shapes are fixed.
    except Exception:
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)


def _overrides(graph: Any, pixels: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the tensors, by name, for which the quantiser's own choice is replaced, each with the replacement."""
    from onnxruntime.quantization import QuantType

    unsigned, signed = {"quant_type": QuantType.QUInt8}, {"quant_type": QuantType.QInt8}
    return {
        **{name: [unsigned | _PIXEL_RANGE] for name in pixels},
        OUTPUT_NAME: [unsigned | _SCORE_RANGE],
        **{name: [signed | _SEVEN_BITS] for name in _kernels(graph)},
        **{name: [unsigned | _LOGIT_RANGE] for name in _logits(graph)},
    }


def _fence(graph: Any, names: tuple[str, ...]) -> list[str]:
    """Put a leaky ReLU after each layer that stays in float; return the names of all nodes to leave in float.

    Without it, ONNX Runtime quantises a float layer between quantised neighbours after all, also if a ReLU follows.
    The leaky ReLUs here compute the same as what was there before.
    """
    from onnx import helper

    fenced = [node for node in graph.node if node.name in names]
    for node in list(fenced):
        after = [other for other in graph.node if node.output[0] in other.input]
        if len(after) == 1 and after[0].op_type == "Relu":
            after[0].op_type = "LeakyRelu"
            after[0].attribute.append(helper.make_attribute("alpha", 0.0))
            fenced.append(after[0])
            continue
        output = node.output[0]
        node.output[0] = f"{output}_fenced"
        fence = helper.make_node("LeakyRelu", [node.output[0]], [output], f"{node.name}_fence", alpha=1.0)
        graph.node.insert(list(graph.node).index(node) + 1, fence)
        fenced.append(fence)
    return [node.name for node in fenced]


def _logits(graph: Any) -> list[str]:
    """Return the tensor that the last sigmoid reads, if there is one."""
    last = graph.node[-1]
    return [last.input[0]] if last.op_type == "Sigmoid" else []


def _kernels(graph: Any) -> list[str]:
    """Return the weights of the convolutions."""
    return [node.input[1] for node in graph.node if node.op_type == "Conv"]


def _pad_bytes(graph: Any) -> None:
    """Pad quantised tensors with the byte that stands for zero.

    Otherwise ONNX Runtime would turn them into float, pad them, and quantise them again.
    """
    makers = {node.output[0]: node for node in graph.node}
    for pad in [node for node in graph.node if node.op_type == "Pad" and _pads_zeros(node, graph)]:
        before, readers = makers.get(pad.input[0]), [node for node in graph.node if pad.output[0] in node.input]
        if before is None or len(readers) != 1 or before.input[1:] != readers[0].input[1:]:
            continue
        if (before.op_type, readers[0].op_type) == ("DequantizeLinear", "QuantizeLinear"):
            pad.input[:] = [before.input[0], pad.input[1], before.input[2]]
            forget_type(graph, pad.output[0])
            pad.output[0] = readers[0].output[0]
            graph.node.remove(readers[0])
            if not any(before.output[0] in node.input for node in graph.node):
                graph.node.remove(before)


def _pads_zeros(pad: Any, graph: Any) -> bool:
    from onnx import numpy_helper

    values = [constant for constant in graph.initializer if constant.name in pad.input[2:3]]
    return not any(pad.input[2:3]) or any(not numpy_helper.to_array(value).any() for value in values)
