"""Hold the values of a file to the types that a record declares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from edge_runtime.strict_json import shortened


def refuse_undeclared(values: object, declared: Any, name: str) -> None:
    """Compare a value with a type, and what is in it with the types that are in that.

    Args:
        values: a value of a JSON file, or a record that was made of such values.
        declared: a plain type; a list, tuple, dictionary or union of types; a dataclass or a TypedDict. A whole
            number counts as a float. Of a dataclass or TypedDict every key is needed and no other is allowed.
        name: the name of the value, for the message.

    Raises:
        ValueError: a value is of another type, a number is not finite, or a key is missing or unknown.
    """
    if get_origin(declared) in (Union, UnionType):
        declared = _chosen(values, declared)
    origin, inner = get_origin(declared) or declared, get_args(declared)
    if is_dataclass(origin) or is_typeddict(origin):
        _refuse_undeclared_keys(values, origin, name)
    elif origin is dict:
        _require(isinstance(values, dict), name, "an object", values)
        for key, value in values.items() if isinstance(values, dict) else ():
            refuse_undeclared(value, inner[1], f"{name}: {shortened(key)}")
    elif origin in (list, tuple):
        _refuse_undeclared_items(values, origin, inner, name)
    elif origin is not Any:
        _require(_is_plain(values, origin), name, _TITLES.get(origin, origin.__name__), values)


_TITLES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def _refuse_undeclared_keys(values: object, record: Any, name: str) -> None:
    known = values if isinstance(values, Mapping) else vars(values) if is_dataclass(values) else None
    hints = _hints(record)
    _require(known is not None and known.keys() == hints.keys(), name, f"the keys {', '.join(hints)}", values)
    for key, hint in hints.items():
        refuse_undeclared((known or {})[key], hint, f"{name}: {key}")


def _refuse_undeclared_items(values: object, origin: type, inner: tuple[Any, ...], name: str) -> None:
    # A file has lists where a record has tuples.
    _require(isinstance(values, list | tuple), name, "a list", values)
    items = values if isinstance(values, list | tuple) else ()
    many = origin is list or inner[-1] is Ellipsis
    _require(many or len(items) == len(inner), name, f"{len(inner)} values", values)
    for item, hint in zip(items, (inner[0],) * len(items) if many else inner, strict=True):
        refuse_undeclared(item, hint, name)


def _chosen(values: object, declared: Any) -> Any:
    """Return the member of a union that a value is to be compared with: null, or the first that is not."""
    return next(member for member in get_args(declared) if (member is NoneType) == (values is None))


def _is_plain(value: object, declared: type) -> bool:
    if declared is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if declared in (int, str, bool, NoneType):
        return type(value) is declared
    try:
        declared(value)  # an enumeration
    except ValueError:
        return False
    return True


def _require(holds: bool, name: str, expected: str, received: object) -> None:
    if not holds:
        raise ValueError(f"{name:.200}: expected {expected}, received {shortened(received)}")


@cache
def _hints(record: Any) -> dict[str, Any]:
    return get_type_hints(record)
