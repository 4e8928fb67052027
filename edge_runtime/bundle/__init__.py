"""A bundle: the folder that an export writes and a device runs."""

from edge_runtime.bundle.folder import default_bundle, read_bundle, read_model_file
from edge_runtime.bundle.manifest import (
    MANIFEST,
    SELFTEST,
    Bundle,
    ModelFile,
    ModelFormat,
    Precision,
    SelfTestPicture,
    TensorInfo,
)

__all__ = [
    "MANIFEST",
    "SELFTEST",
    "Bundle",
    "ModelFile",
    "ModelFormat",
    "Precision",
    "SelfTestPicture",
    "TensorInfo",
    "default_bundle",
    "read_bundle",
    "read_model_file",
]
