"""Small damages: to any bytes, and to JSON as a tree, so that the text stays JSON and the damage lies deep."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

MOST_BYTES = 300_000
AGAIN = "\0again:"  # marks a key that is to stand twice in the text
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 1.5, 1e308, float("nan"), float("inf"), 2**53 + 1, 2**63, 10**30,
    "", "x", ".", "..", "../x", "/etc/passwd", "a\nb", "\0", "\x1b[2J", "\ud800", "\u202e", "x" * 5000,
    "int8", "tflite", "onnx", "uint8", [], {}, [1], [[]], {"": {}}, ["x", "y"], ["x"] * 300,
)  # fmt: skip


def mutated(content: bytes, random: Random) -> bytes:
    """Return the content with one to four damages to its bytes."""
    for _ in range(random.randint(1, 4)):
        # The first bytes of a file hold its sizes and offsets.
        place = random.randrange(min(len(content), random.choice((64, MOST_BYTES))) + 1)
        length, value = random.choice((1, 2, 4, 30)), random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        kept, rest = content[:place], content[place:]
        kind = random.choice(("set", "cut", "double", "insert", "end"))
        if kind == "set":
            content = kept + bytes([value]) * min(length, len(rest)) + rest[length:]
        elif kind == "cut":
            content = kept + rest[length:]
        elif kind == "double":
            content = kept + rest[:length] + rest
        elif kind == "insert":
            content = kept + bytes([value]) * length + rest
        else:
            content = content[: random.randrange(len(content) + 1)]
    return content[:MOST_BYTES]


def overwritten(content: bytes, random: Random) -> bytes:
    """Return the content with one to three runs of bytes changed in place; offsets and lengths stay right."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 3)):
        # Half of the damages are at either end, where models have their structure and not their weights.
        near = random.randrange(min(len(changed), random.choice((3000, MOST_BYTES * 10))))
        place, length = random.choice((near, len(changed) - 1 - near)), random.choice((1, 1, 2, 4))
        value = random.choice(
            (0, 1, 0x7F, 0x80, 0xFF, random.randrange(256), changed[place] ^ 1 << random.randrange(8))
        )
        changed[place : place + length] = bytes([value]) * len(changed[place : place + length])
    return bytes(changed)


def mutated_json(content: bytes, random: Random) -> bytes:
    """Return the text with one to three damages to its tree; a text that is no JSON gets damaged bytes."""
    try:
        values = json.loads(content)
        for _ in range(random.randint(1, 3)):
            values = _edited(values, random)
        text = json.dumps(values)
    except (ValueError, RecursionError):
        return mutated(content, random)
    return text.replace(json.dumps(AGAIN)[:-1], '"').encode()[:MOST_BYTES]


def _edited(values: Any, random: Random) -> Any:
    """Return the tree with one place changed; the place is anywhere, the root included."""
    places = list(_places(values))
    if not places:
        return _odd(random)
    parent, key = random.choice(places)
    kind = random.choice(("replace", "replace", "borrow", "delete", "add", "again"))
    if kind == "replace":
        parent[key] = _odd(random)
    elif kind == "borrow":  # a value of the same file that belongs elsewhere
        other, name = random.choice(places)
        parent[key] = json.loads(json.dumps(other[name]))
    elif kind == "delete":
        del parent[key]
    elif isinstance(parent, list):
        parent.insert(key, json.loads(json.dumps(parent[key])))
    elif kind == "add":
        parent[random.choice(("x", "a\nb", "\x1b", "extra", "schema_version"))] = _odd(random)
    else:
        parent[AGAIN + key] = random.choice((parent[key], _odd(random)))
    return values


def _odd(random: Random) -> Any:
    return copy.deepcopy(random.choice(ODD_VALUES))  # a later damage may change it


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Give each place of a tree as its parent and the key or index in it."""
    keys: Any = (
        values.keys() if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ()
    )
    for key in list(keys):
        yield values, key
        yield from _places(values[key])
