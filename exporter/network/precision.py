"""The number format that a model's layers compute in, and their settings in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

FLOAT32 = "float32"
FLOAT64 = "float64"
_POLICIES = ("DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "QuantizedDTypePolicy")


def in_precision(settings: Any, dtype: str = FLOAT32) -> Any:
    """Return the settings of a layer, as `get_config` gives them, with every float in `dtype`.

    Mixed precision and quantisation by Keras are settings too. Layers within a layer are changed alike, integers
    and truth values stay.
    """
    if isinstance(settings, dict):
        if settings.get("class_name") in _POLICIES:
            changed = _is_float(str(settings.get("config")))
            return {**settings, "class_name": "DTypePolicy", "config": {"name": dtype}} if changed else settings
        return {
            key: _format(value, dtype) if key == "dtype" else in_precision(value, dtype)
            for key, value in settings.items()
        } | ({"quantization_config": None} if "quantization_config" in settings else {})
    if isinstance(settings, (list, tuple)):
        return type(settings)(in_precision(value, dtype) for value in settings)
    return settings


def is_in_float32(model: keras.Model) -> bool:
    """Say whether every layer of a model, at any depth, computes in float32 or in integers."""
    policies = {layer.dtype_policy.name for layer in model._flatten_layers(include_self=False)}
    return all(name == FLOAT32 or not _is_float(name) for name in policies)


def _format(value: Any, dtype: str) -> Any:
    if isinstance(value, str):
        return dtype if _is_float(value) else value
    return in_precision(value, dtype)


def _is_float(name: str) -> bool:
    return "float" in name
