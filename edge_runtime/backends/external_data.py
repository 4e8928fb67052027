"""Find tensors of an ONNX file whose values lie in other files: those would be read past the hash of the bundle.

The file is walked in the wire format of Protocol Buffers, without the package onnx, wherever a tensor can hide.

Source: onnx.proto of ONNX 1.23; the encoding of Protocol Buffers, https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

_DATA_LOCATION = 14  # of a TensorProto; 0 is the file itself

# For every message that can hold a tensor: the numbers of its fields that are such messages again.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}


def has_external_data(content: bytes) -> bool:
    """Say whether a tensor of an ONNX file has its values elsewhere.

    Raises:
        ValueError: the bytes are no Protocol Buffers message.
    """
    waiting = [("model", 0, len(content))]
    while waiting:
        message, position, end = waiting.pop()
        inner = _FIELDS[message]
        while position < end:
            tag, position = _varint(content, position, end)
            number, wire_type = (tag & 0xFFFFFFFF) >> 3, tag & 7  # parsers keep 32 bits
            if wire_type == 2:
                size, position = _varint(content, position, end)
                if number in inner:
                    waiting.append((inner[number], position, position + size))
                position += size
            elif wire_type == 0:
                value, position = _varint(content, position, end)
                if message == "tensor" and number == _DATA_LOCATION and value:
                    return True
            elif wire_type in (1, 5):
                position += 8 if wire_type == 1 else 4
            else:
                raise ValueError(f"not an ONNX file: the wire type {wire_type} at byte {position - 1:,}")
        if position > end:
            raise ValueError("not a whole ONNX file: a field ends behind its message")
    return False


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    """Return the number at a position, and the position behind it."""
    value = shift = 0
    while position < end:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            break
    raise ValueError(f"not an ONNX file: no number at byte {position:,}")
