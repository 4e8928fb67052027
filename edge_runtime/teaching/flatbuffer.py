"""Read tables of a flatbuffer, and write new tables in front of an old one that go on using what is in it.

A flatbuffer refers only forward, so new tables can refer to old ones that come after them. Plain `struct` is
enough: the device needs no schema and no other library.

Source: "FlatBuffers Internals", https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ALIGNMENT = 64  # of the old content in the new one; a multiple of what any value in it asks for
_SLOT_BYTES = 8  # for each field of a new table, whatever its type: simple, and aligned for all
_IDENTIFIER_AT = 4


class Table(NamedTuple):
    """A table of a flatbuffer, to read. Every method raises `ValueError` where the content is damaged.

    Attributes:
        content: the whole flatbuffer.
        start: where the table begins.
    """

    content: bytes
    start: int

    def has(self, slot: int) -> bool:
        """Say whether the field is there."""
        return self._place(slot) is not None

    def number(self, slot: int, kind: str, default: int = 0) -> int:
        """Return a whole number; `kind` is its letter in `struct`, and `default` what a missing field means."""
        place = self._place(slot)
        return default if place is None else int(_read(self.content, kind, place))

    def child(self, slot: int) -> int | None:
        """Return where the value begins that a field refers to, or None where the field is missing."""
        place = self._place(slot)
        return None if place is None else place + _read(self.content, "I", place)

    def numbers(self, slot: int, kind: str) -> tuple[float, ...]:
        """Return a vector of numbers; an empty one where the field is missing."""
        size = struct.calcsize(f"<{kind}")
        packed = self.packed(slot, size)
        return struct.unpack(f"<{len(packed) // size}{kind}", packed)

    def tables(self, slot: int) -> list[Table]:
        """Return a vector of tables; an empty list where the field is missing."""
        start = self.child(slot) or 0
        offsets = self.numbers(slot, "I")
        return [Table(self.content, start + 4 + 4 * n + int(offset)) for n, offset in enumerate(offsets)]

    def packed(self, slot: int, element_bytes: int) -> bytes:
        """Return the bytes of a vector, none where the field is missing."""
        start = self.child(slot)
        if start is None:
            return b""
        size = _read(self.content, "I", start) * element_bytes
        if size > len(self.content) - start - 4:
            raise ValueError("a list goes beyond the end of the file")
        return self.content[start + 4 : start + 4 + size]

    def _place(self, slot: int) -> int | None:
        names = self.start - _read(self.content, "i", self.start)
        at = 4 + 2 * slot
        if at >= _read(self.content, "H", names):
            return None
        offset = _read(self.content, "H", names + at)
        return self.start + offset if offset else None


def root(content: bytes) -> Table:
    """Return the outermost table; raise `ValueError` where there can be none."""
    return Table(content, _read(content, "I", 0))


def _read(content: bytes, kind: str, place: int) -> int:
    try:
        if place < 0:  # struct would count from the end
            raise ValueError("a place before the beginning of the file")
        value: int = struct.unpack_from(f"<{kind}", content, place)[0]
    except struct.error as error:
        raise ValueError("a place beyond the end of the file") from error
    return value


class Old(NamedTuple):
    """What is in the old content and stays: a table, a vector or a text, by where it begins there."""

    start: int


class Number(NamedTuple):
    """A number of a new table; `kind` is its letter in `struct`."""

    kind: str
    value: float


class Numbers(NamedTuple):
    """A new vector of numbers; `kind` is their letter in `struct`."""

    kind: str
    values: Sequence[float]


class Data(NamedTuple):
    """A new vector of bytes, aligned as the weights of a network must be."""

    content: bytes


class New(NamedTuple):
    """A new table: its fields by their slot in the schema."""

    fields: Mapping[int, Number | Numbers | Data | New | Old | list[New | Old]]


Value = Number | Numbers | Data | New | Old | list[New | Old]


def written_before(content: bytes, table: New) -> bytes:
    """Return a flatbuffer with a new outermost table. The old one lies unchanged at its end.

    Args:
        content: the old flatbuffer.
        table: the new outermost table. Its `Old` values are in `content`.
    """
    return _Writer().write(content, table)


class _Writer:
    """Writes each value behind the one that refers to it."""

    def __init__(self) -> None:
        self._new = bytearray(8)
        self._references: list[tuple[int, int]] = []  # a reference to the old content, and the place it means there

    def write(self, content: bytes, table: New) -> bytes:
        self._new[_IDENTIFIER_AT:8] = content[_IDENTIFIER_AT:8]
        self._refer(0, table)
        self._align(ALIGNMENT)
        for place, start in self._references:
            struct.pack_into("<I", self._new, place, len(self._new) + start - place)
        return bytes(self._new) + content

    def _refer(self, place: int, value: Value) -> None:
        """Write a value, and a reference to it at a place that is there already."""
        if isinstance(value, Old):
            self._references.append((place, value.start))
        else:
            struct.pack_into("<I", self._new, place, self._written(value) - place)

    def _written(self, value: Value) -> int:
        """Write a value at the end, and return where it begins."""
        if isinstance(value, New):
            return self._table(value)
        if isinstance(value, Data):
            return self._vector(struct.pack("<I", len(value.content)) + value.content, 16)
        if isinstance(value, Numbers):
            size = struct.calcsize(f"<{value.kind}")
            return self._vector(
                struct.pack(f"<I{len(value.values)}{value.kind}", len(value.values), *value.values), size
            )
        if isinstance(value, Number | Old):  # stands in its table, or in the old content
            raise TypeError(f"{value} is not written apart")
        start = self._vector(struct.pack("<I", len(value)) + bytes(4 * len(value)), 4)
        for number, item in enumerate(value):
            self._refer(start + 4 + 4 * number, item)
        return start

    def _vector(self, packed: bytes, element_bytes: int) -> int:
        self._align(max(4, element_bytes), behind=4)
        self._new += packed
        return len(self._new) - len(packed)

    def _table(self, table: New) -> int:
        slots = max(table.fields, default=-1) + 1
        at = {slot: _SLOT_BYTES * (1 + number) for number, slot in enumerate(table.fields)}
        size = _SLOT_BYTES * (1 + len(at))
        self._align(2)
        names = len(self._new)
        self._new += struct.pack(f"<{2 + slots}H", 4 + 2 * slots, size, *(at.get(slot, 0) for slot in range(slots)))
        self._align(_SLOT_BYTES)
        start = len(self._new)
        self._new += struct.pack("<i", start - names) + bytes(size - 4)
        for slot, value in table.fields.items():
            if isinstance(value, Number):
                struct.pack_into(f"<{value.kind}", self._new, start + at[slot], value.value)
            else:
                self._refer(start + at[slot], value)
        return start

    def _align(self, bytes_: int, *, behind: int = 0) -> None:
        """Fill up until the place `behind` bytes after the end is a multiple of `bytes_`."""
        self._new += bytes(-(len(self._new) + behind) % bytes_)
