"""Classify pictures on a Raspberry Pi or any CPU, without TensorFlow.

from edge_runtime import Classifier

classifier = Classifier.open("bundles/pets")
print(classifier.classify("img.jpg").label)
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_runtime.bundle import Bundle, Manifest, ModelFile, read_bundle
    from edge_runtime.classifier import Classifier, Prediction
    from edge_runtime.errors import BackendError, BundleError, CameraError, CatdogError, PictureError
    from edge_runtime.picture.preprocessing import Preprocessing, load_picture

# ONNX Runtime 1.29 and later send usage figures to their maker and keep an identifier of the device in the user's
# cache, unless this is set before they are imported. Every package of this project imports this module first.
# Source: docs/Privacy.md of onnxruntime, "Disabling Telemetry".
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "BackendError",
    "Bundle",
    "BundleError",
    "CameraError",
    "CatdogError",
    "Classifier",
    "Manifest",
    "ModelFile",
    "PictureError",
    "Prediction",
    "Preprocessing",
    "load_picture",
    "read_bundle",
]

_MODULES = {"Classifier": "classifier", "Prediction": "classifier"} | {
    "Bundle": "bundle",
    "Manifest": "bundle",
    "ModelFile": "bundle",
    "read_bundle": "bundle",
    "Preprocessing": "picture.preprocessing",
    "load_picture": "picture.preprocessing",
}


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> Any:
        """Import a public name on first use, so that `catdog-edge --help` loads neither NumPy nor Pillow."""
        if name not in __all__:
            raise AttributeError(f"module 'edge_runtime' has no attribute {name!r}")
        return getattr(import_module(f"edge_runtime.{_MODULES.get(name, 'errors')}"), name)
