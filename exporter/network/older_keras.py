"""Read models that Keras 2 saved in HDF5, such as those of Teachable Machine, with Keras 3."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.bounded_file import reason_of
from exporter.errors import SourceError

if TYPE_CHECKING:
    import h5py

# What any layer's configuration may hold besides the arguments of its class.
_OF_EVERY_LAYER = {
    "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "input_shape", "input_dim", "layers",
    "input_layers", "output_layers", "build_input_shape", "activity_regularizer", "autocast", "sparse", "ragged",
}  # fmt: skip

# An axis of a normalisation, and the tensors of a model. To Keras 3 a list of one tensor is another thing.
_SINGLE = {"axis", "input_layers", "output_layers"}
_MODELS = {
    "Functional": "keras.src.models.functional",
    "Sequential": "keras",
    "Model": "keras.src.models.functional",
}


def refuse_foreign_storage(path: Path) -> None:
    """Refuse an HDF5 file that reads other files: their bytes would become weights.

    Raises:
        SourceError: it has a link to another file, or a dataset that lies in one, or it is damaged.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = _foreign(file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise SourceError(
            f"{path}: Keras cannot load it (the HDF5 file is damaged: {reason_of(error):.200}). Copy it again."
        ) from error
    if found:
        raise SourceError(
            f"{path}: reads another file ({found!r:.80}), which no model needs. Save the model again."
        )


def _foreign(group: h5py.Group) -> str:
    """Return the name of a link or dataset that reads another file, or nothing."""
    import h5py

    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            return str(name)
        if isinstance(group.get(name, getlink=True), h5py.SoftLink):
            continue  # what it leads to in this file is looked at there
        item = group[name]
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            return str(name)
        if isinstance(item, h5py.Group) and (found := _foreign(item)):
            return found
    return ""


def rewritten_config(path: Path) -> str | None:
    """Return the configuration of an HDF5 model as Keras 3 takes it, or None where it takes it as it is.

    Arguments that Keras 3 does not know are left out where they say what is so anyway, such as `groups: 1` of a
    depthwise convolution. Names lose their slashes.
    """
    import h5py

    with h5py.File(path, "r") as file:
        text = file.attrs["model_config"]
    text = text.decode("utf-8") if isinstance(text, bytes) else str(text)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    names = {name: name.replace("/", "_") for name in _names(values) if "/" in name}
    changed = _without_unknown(_renamed(values, names) if names else values)
    return None if changed == values else json.dumps(changed)


def _names(values: Any) -> list[str]:
    """Return the names of all layers."""
    if isinstance(values, list):
        return [name for value in values for name in _names(value)]
    if not isinstance(values, dict):
        return []
    own = [values["name"]] if "class_name" not in values and isinstance(values.get("name"), str) else []
    return own + [name for value in values.values() for name in _names(value)]


def _renamed(values: Any, names: dict[str, str]) -> Any:
    if isinstance(values, list):
        return [_renamed(value, names) for value in values]
    if isinstance(values, dict):
        return {key: _renamed(value, names) for key, value in values.items()}
    return names.get(values, values) if isinstance(values, str) else values


def _without_unknown(values: Any) -> Any:
    if isinstance(values, list):
        return [_without_unknown(value) for value in values]
    if not isinstance(values, dict):
        return values
    values = _at_home({key: _without_unknown(value) for key, value in values.items()})
    config = values.get("config")
    if isinstance(values.get("class_name"), str) and isinstance(config, dict):
        known = _arguments(values["class_name"])
        kept = {
            key: value for key, value in config.items() if not known or key in known or not _says_nothing(value)
        }
        values["config"] = kept | {key: kept[key][0] for key in _SINGLE & kept.keys() if _holds_one(kept[key])}
    return values


def _holds_one(value: Any) -> bool:
    """Say whether a value is a list of one number or one list, where Keras 3 has that alone."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], int | list)


def _at_home(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the module in which Keras 3 has its class; Keras 2 had some elsewhere."""
    module = record.get("module")
    if not isinstance(module, str) or "class_name" not in record:
        return record
    if record["class_name"] in _MODELS:
        return record | {"module": _MODELS[record["class_name"]]}
    return record | {"module": module.removeprefix("tf_")} if module.startswith("tf_keras") else record


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or value is True or value == 1


def _arguments(class_name: str) -> set[str]:
    """Return the arguments of a layer of Keras 3, or nothing where it has no such layer."""
    import keras

    layer = getattr(keras.layers, class_name, None)
    if not inspect.isclass(layer) or not issubclass(layer, keras.layers.Layer):
        return set()
    found = set(_OF_EVERY_LAYER)
    for base in layer.__mro__:
        if base is keras.layers.Layer:
            break
        if "__init__" in vars(base):
            found |= set(inspect.signature(vars(base)["__init__"]).parameters)
    return found
