"""A bundle: the folder that an export writes and a device runs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_runtime.bundle.folder import Bundle, default_bundle, read_bundle
    from edge_runtime.bundle.formats import FORMATS, ONNX, TFLITE, ModelFormat, Precision
    from edge_runtime.bundle.manifest import MANIFEST, SELFTEST, Manifest, ModelFile, SelfTestPicture, TensorInfo

__all__ = [
    "FORMATS",
    "MANIFEST",
    "ONNX",
    "SELFTEST",
    "TFLITE",
    "Bundle",
    "Manifest",
    "ModelFile",
    "ModelFormat",
    "Precision",
    "SelfTestPicture",
    "TensorInfo",
    "default_bundle",
    "read_bundle",
]

_FOLDER = ("Bundle", "default_bundle", "read_bundle")
_FORMATS = ("FORMATS", "ONNX", "TFLITE", "ModelFormat", "Precision")


if not TYPE_CHECKING:  # or a type checker would take any name for granted

    def __getattr__(name: str) -> Any:
        """Import a public name on first use: a help page names the precisions and reads no manifest."""
        if name not in __all__:
            raise AttributeError(f"module 'edge_runtime.bundle' has no attribute {name!r}")
        module = "folder" if name in _FOLDER else "formats" if name in _FORMATS else "manifest"
        return getattr(import_module(f"edge_runtime.bundle.{module}"), name)
