"""Read the tensors of a PyTorch file in the old format, without PyTorch and without running what is in it.

Such a file is five pickles one after the other: a magic number, the protocol, the system, an `OrderedDict` of
tensors, and the keys of the storages. Then comes each storage: a count, `int64`, and so many raw values, all
little-endian. A pickle can name any function for its reader to call. This reader knows the names that build
tensors. It refuses a file that asks for another one.

Source: `torch.serialization._legacy_load` and `torch._utils._rebuild_tensor_v2`, PyTorch 1.5.
"""

from __future__ import annotations

import io
import math
import pickle  # nosec B403
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_MAX_BYTES = 500_000_000


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A tensor whose values have not been read yet. Offset and strides count values, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by their names, `float32` or `int64`, each in an array of its own.

    Raises:
        WeightsError: the file cannot be read, is larger than 500 MB or damaged, or holds other things than tensors.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"expected at most {_MAX_BYTES:,} bytes")
        return _tensors(io.BytesIO(path.read_bytes()))
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle raises almost anything
        raise WeightsError(
            f"{path}: cannot be read as PyTorch weights ({error}). Install its package again."
        ) from error


def _tensors(file: io.BytesIO) -> dict[str, NDArray[Any]]:
    if (_load(file), _load(file)) != (_MAGIC, _PROTOCOL):
        raise ValueError("expected a PyTorch file in the format of before version 1.6")
    _load(file)  # sizes of the writer's integers
    tensors, keys = _load(file), _load(file)
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _values(file, storages[key]) for key in keys}
    return {name: _array(tensor, values[tensor.storage.key]) for name, tensor in tensors.items()}


def _load(file: io.BytesIO) -> Any:
    return _TensorUnpickler(file).load()


def _values(file: io.BytesIO, storage: _Storage) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    if count != storage.count:
        raise ValueError(f"storage {storage.key}: expected {storage.count} values, found {count}")
    return np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype, count)


def _array(tensor: _Tensor, values: NDArray[Any]) -> NDArray[Any]:
    """Return the tensor's values. Its strides need not be those of an array in row order."""
    if min(tensor.shape, default=1) < 0 or math.prod(tensor.shape) > len(values):
        raise ValueError(f"a tensor of the shape {tensor.shape} cannot come from {len(values)} values")
    indices = np.full(tensor.shape, tensor.offset, np.int64)
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.strides, strict=True)):
        steps = np.arange(size) * stride
        indices += steps.reshape([-1 if other == axis else 1 for other in range(len(tensor.shape))])
    if indices.size and (indices.min() < 0 or indices.max() >= len(values)):
        raise ValueError("a tensor reaches beyond its storage")
    return values[indices]


class _TensorUnpickler(pickle.Unpickler):
    """Knows what builds a dict of tensors and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if module == "torch" and name in _STORAGES:
            return name  # it names a type; nothing calls it
        raise WeightsError(f"the weights ask for {module}.{name}, which builds no tensor. Do not use this file.")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, name, key, _device, count, *_view = pid
        if kind != "storage" or name not in _STORAGES:
            raise ValueError(f"unknown storage {name!r:.40}")
        return _Storage(str(key), _STORAGES[name], int(count))


def _rebuilt(storage: _Storage, offset: int, shape: Any, strides: Any, *_gradient: Any) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
