"""A small bundle to measure."""

import hashlib
import json

import pytest

from edge_runtime.backends import open_model
from edge_runtime.bundle import MANIFEST, Bundle, ModelFile, ModelFormat, Precision
from edge_runtime.preprocessing import Preprocessing


@pytest.fixture
def bench_bundle(tmp_path, tflite_float32, tflite_int8):
    """A bundle with a float32 and an int8 TFLite file on 16 x 16 pictures."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    files = []
    for precision, content in ((Precision.FLOAT32, tflite_float32), (Precision.INT8, tflite_int8)):
        name = f"model.{precision}.tflite"
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        model = open_model("litert", content, 1)
        files.append(
            ModelFile(name, ModelFormat.TFLITE, precision, len(content), digest, model.input, model.output, "", {})
        )
    bundle = Bundle("bundle", ("blue", "red"), Preprocessing(16, 16), tuple(files), {})
    (folder / MANIFEST).write_text(json.dumps(bundle.to_dict()))
    return folder
