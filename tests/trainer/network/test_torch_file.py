"""Weights of a PyTorch file are read without PyTorch, and nothing in such a file is ever run."""

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.errors import WeightsError
from trainer.network.torch_file import _MAGIC, _PROTOCOL, read_torch_file

# Shape (2, 3) whose values go down the columns first, as the weights of EfficientNet-Lite are stored.
STRIDED = ("w", (2, 3), (1, 2), [0.0, 1, 2, 3, 4, 5])


class Stored:
    """Stands for a storage while a file is written."""

    def __init__(self, key: str, count: int, kind: str = "FloatStorage") -> None:
        self.key, self.count, self.kind = key, count, kind


class Named:
    """Pickles as the name of a global, whatever that name is."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Writer(pickle._Pickler):  # the one in Python, because it can be told to write a name that does not exist here
    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Stored):
            return ("storage", Named("torch", value.kind), value.key, "cpu", value.count, None)
        return None

    def save(self, value: Any, **rest: Any) -> None:
        if isinstance(value, Named):
            self.write(b"c" + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Rebuilt):
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            self.save(value.arguments)
            self.write(b"R")
        else:
            super().save(value, **rest)


class Rebuilt:
    def __init__(self, *arguments: Any) -> None:
        self.arguments = (*arguments, False, OrderedDict())


def pickled(value: Any) -> bytes:
    file = io.BytesIO()
    Writer(file, 2).dump(value)
    return file.getvalue()


def torch_file(tensors: Any, storages: dict[str, list[float]]) -> bytes:
    head = [_MAGIC, _PROTOCOL, {"little_endian": True}, tensors, list(storages)]
    tail = [struct.pack(f"<q{len(values)}f", len(values), *values) for values in storages.values()]
    return b"".join([*map(pickled, head), *tail])


def strided(shape: tuple[int, ...] = STRIDED[1], strides: tuple[int, ...] = STRIDED[2], offset: int = 0) -> bytes:
    tensor = Rebuilt(Stored("0", 6), offset, shape, strides)
    return torch_file(OrderedDict({"w": tensor}), {"0": STRIDED[3]})


def test_a_tensor_is_built_from_its_strides(tmp_path: Path) -> None:
    """Proves that values in another order than by rows come out in their places: otherwise the network is noise."""
    (tmp_path / "w.pth").write_bytes(strided())
    found = read_torch_file(tmp_path / "w.pth")
    assert found["w"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert found["w"].dtype == np.float32


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch", "Size")]
)
def test_a_malicious_file_runs_nothing(tmp_path: Path, module: str, name: str) -> None:
    """Proves that a file which asks for any other function is refused by its name, before anything is called."""
    marker = tmp_path / "ran"

    class Call:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {marker}",))

    plain = pickle.dumps(OrderedDict({"w": Call()}), 2)
    assert b"posix\nsystem" in plain  # what it would run
    evil = plain.replace(b"cposix\nsystem\n", f"c{module}\n{name}\n".encode())
    head = b"".join(map(pickled, [_MAGIC, _PROTOCOL, {}]))
    (tmp_path / "evil.pth").write_bytes(head + evil)
    with pytest.raises(WeightsError, match=rf"ask for {module}\.{name}, which builds no tensor"):
        read_torch_file(tmp_path / "evil.pth")
    assert not marker.exists()


def test_a_first_pickle_runs_nothing(tmp_path: Path) -> None:
    """Proves that every pickle of the file is read by the restricted reader, the magic number's too."""
    marker = tmp_path / "ran"

    class Call:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {marker}",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Call()))
    with pytest.raises(WeightsError, match=r"ask for posix\.system"):
        read_torch_file(tmp_path / "evil.pth")
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        strided()[:-1],
        strided(shape=(3, 3)),
        strided(shape=(2, 3), strides=(1, 3)),
        strided(shape=(10**6, 10**6), strides=(0, 0)),
        strided(offset=-1),
        strided(shape=(-2, -3)),
        pickled(_MAGIC) + pickled(1002),
        torch_file(OrderedDict({"w": 5}), {}),
        torch_file(OrderedDict({"w": Rebuilt(Stored("0", 7), 0, (7,), (1,))}), {"0": [0.0] * 6}),
        torch_file(OrderedDict({"w": Rebuilt(Stored("0", 6, "HalfStorage"), 0, (6,), (1,))}), {"0": [0.0] * 6}),
    ],
    ids=[
        "empty",
        "zip",
        "cut",
        "larger",
        "beyond",
        "huge",
        "before",
        "negative",
        "protocol",
        "number",
        "count",
        "half",
    ],
)
def test_a_damaged_file_is_one_error(tmp_path: Path, content: bytes) -> None:
    """Proves that no such file, one that is cut, and one whose tensors reach beyond their values are refused."""
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError):
        read_torch_file(tmp_path / "w.pth")


def test_every_cut_and_every_flipped_byte_is_one_error_or_an_array(tmp_path: Path) -> None:
    """Proves that no damage of a small file raises anything else."""
    whole, path = strided(), tmp_path / "w.pth"
    for index in range(len(whole)):
        for content in (whole[:index], whole[:index] + bytes([whole[index] ^ 0x41]) + whole[index + 1 :]):
            path.write_bytes(content)
            try:
                found = read_torch_file(path)
            except WeightsError:
                continue
            assert all(isinstance(values, np.ndarray) for values in found.values())


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    """Proves that the message names the file and says what to do."""
    with pytest.raises(WeightsError, match=r"none\.pth: cannot be read.*Install its package again"):
        read_torch_file(tmp_path / "none.pth")
