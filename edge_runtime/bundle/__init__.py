"""A bundle is the folder that an export writes and that a device runs."""

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


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> Any:
        """Import a public name on first use, so that a help page can name the precisions without the manifest."""
        if name not in __all__:
            raise AttributeError(f"module 'edge_runtime.bundle' has no attribute {name!r}")
        module = "folder" if name in _FOLDER else "formats" if name in _FORMATS else "manifest"
        return getattr(import_module(f"edge_runtime.bundle.{module}"), name)
