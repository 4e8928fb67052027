"""Write what TensorFlow has and ONNX has not with operators that both have."""

from __future__ import annotations

from typing import Any

from exporter.errors import ConversionError
from exporter.formats.onnx.replacing import Replacement, Rule, replace_nodes


def _erfc(made: Replacement) -> str:
    return made.add("Sub", made.constant(1.0), made.add("Erf", made.node.input[0]))


def _expm1(made: Replacement) -> str:
    return made.add("Sub", made.add("Exp", made.node.input[0]), made.constant(1.0))


# TensorFlow's operators that tf2onnx 1.17 hands on as they are.
_RULES: dict[str, Rule] = {"Erfc": _erfc, "Expm1": _expm1}


def write_missing(model: Any) -> None:
    """Replace the operators of an `onnx.ModelProto` that ONNX lacks, in place.

    Raises:
        ConversionError: there are more, and no way to write them.
    """
    replace_nodes(model.graph, _RULES)
    versions = {entry.domain: entry.version for entry in model.opset_import}
    unknown = [node for node in model.graph.node if not _is_known(node, versions)]
    if unknown:
        named = ", ".join(f"{node.op_type} ({node.name})" for node in unknown[:3])
        raise ConversionError(f"ONNX has no operator for {named} of TensorFlow. Replace the layer and train again.")


def _is_known(node: Any, versions: dict[str, int]) -> bool:
    from onnx import defs

    return bool(defs.has(node.op_type, versions.get(node.domain, 1), node.domain))
