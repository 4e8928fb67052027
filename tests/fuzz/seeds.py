"""The seed corpus: small whole files of each kind, made here; no photograph is among them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge_runtime.bundle import Manifest, ModelFile, Precision, SelfTestPicture, TensorInfo
from edge_runtime.bundle.folder import PRETRAINED
from edge_runtime.bundle.formats import ONNX, TFLITE
from edge_runtime.picture.preprocessing import Preprocessing
from edge_runtime.run_folder import Epoch, LeftOutFile, Run, Side, SplitFile, Splits

SIDE = 16
LABELS = ("cat", "dog")
REPORT = Path(__file__).parents[2] / "docs/measurements/benchmark/report.json"


def text(values: Any) -> bytes:
    """Return a JSON text."""
    return json.dumps(values).encode()


def manifests() -> dict[str, bytes]:
    """Return manifests: the present version with and without its optional parts, and an old one."""
    tensors = TensorInfo("image", "uint8", (1, SIDE, SIDE, 3), 1.0), TensorInfo("scores", "float32", (-1, 1))
    names = {"int8.tflite": (TFLITE, Precision.INT8), "float32.onnx": (ONNX, Precision.FLOAT32)}
    files = tuple(
        ModelFile(name, known, precision, 7, "0" * 64, *tensors, oldest_runtime="", drift={"labels_changed": 0.01})
        for name, (known, precision) in names.items()
    )
    picture = SelfTestPicture("selftest/cat.png", "0" * 64, dict.fromkeys(names, (0.75, 0.25)))
    whole = Manifest(
        "pets",
        LABELS,
        Preprocessing(SIDE, SIDE),
        files,
        {"run": "first", "seed": 1},
        (picture,),
        0.7,
        {"by": ["me"]},
    ).to_dict()
    old = {key: value for key, value in whole.items() if key not in ("extra", "label_thresholds")}
    old_files = [{key: value for key, value in file.items() if key != "interface"} for file in whole["files"]]
    old |= {"schema_version": 1, "files": old_files}
    return {"whole": text(whole), "old": text(old), "bare": text(whole | {"files": [], "selftest": []})}


def runs() -> dict[str, bytes]:
    """Return one `run.json`."""
    run = Run("first", LABELS, Preprocessing(SIDE, SIDE), "compact", "sample", 1, {"python": "3.11"}, {"by": "me"})
    return {"run": text(run.to_dict())}


def splits() -> dict[str, bytes]:
    """Return one `splits.json` with a picture on each side."""
    files = tuple(SplitFile(f"cat/{side}.png", side, "cat", "0" * 64, "f" * 64) for side in Side)
    return {"splits": text(Splits(Path("/data"), LABELS, files, (LeftOutFile("x", "empty"),)).to_dict())}


def histories() -> dict[str, bytes]:
    """Return the `history.json` of two epochs."""
    return {"history": text([Epoch(0.7, 0.5, 0.6, 0.6, 1.5, 0.25).to_dict()] * 2)}


def reports() -> dict[str, bytes]:
    """Return a benchmark's `report.json`: the documented one, with few samples of each time."""
    values = json.loads(REPORT.read_text(encoding="utf-8"))
    values["measured"] = [_short(item) for item in values["measured"][:3]]
    values["accuracy"] = [item | {"answers": item["answers"][:5]} for item in values["accuracy"]]
    values["disagreements"] = values["disagreements"][:2]
    return {"report": text(values)}


def _short(measured: dict[str, Any]) -> dict[str, Any]:
    times = {key: {name: ms[:5] for name, ms in measured[key].items()} for key in ("stages_ms", "starts_ms")}
    return measured | times


def pictures() -> dict[str, bytes]:
    """Return a small drawn picture of each format and of many modes."""
    noise = np.random.default_rng(0).integers(0, 256, (14, 18, 4)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("RGB", "JPEG", {"exif": exif}),
        ("L", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("RGBA", "PNG", {"exif": exif}),
        ("P", "PNG", {"transparency": 3}),
        ("P", "GIF", {"save_all": True, "append_images": [Image.new("P", (18, 14), 7)]}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("RGB", "WEBP", {"exif": exif}),
        ("RGB", "BMP", {}),
        ("P", "BMP", {}),
        ("RGB", "TIFF", {"exif": exif}),
        ("L", "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", "PPM", {}),
        ("RGB", "TGA", {"compression": "tga_rle"}),
        ("RGB", "AVIF", {}),
        ("RGB", "JPEG2000", {}),
    ]
    made = {}
    for mode, file_format, options in kinds:
        buffer = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(buffer, file_format, **options)
        made[f"{file_format}-{mode}"] = buffer.getvalue()
    return made | _heic(Image.fromarray(noise).convert("RGB"))


def _heic(image: Image.Image) -> dict[str, bytes]:
    """Return a HEIC file of one picture and one of tiles, or nothing without pillow-heif."""
    try:
        import pillow_heif
    except ImportError:
        return {}
    one, tiles = io.BytesIO(), io.BytesIO()
    pillow_heif.from_pillow(image).save(one)
    pillow_heif.from_pillow(image.resize((160, 130))).save(tiles, tile_size=64)
    return {"HEIC-RGB": one.getvalue(), "HEIC-tiles": tiles.getvalue()}


def models() -> dict[str, bytes]:
    """Return a small TFLite and a small ONNX file, and those of the bundle that comes with the package."""
    shipped = {path.name: path.read_bytes() for path in sorted(PRETRAINED.glob("model.*"))}
    return {"float32.tflite": tflite_file(), "float32.onnx": onnx_file()} | shipped


def tflite_file() -> bytes:
    """Return a TFLite file of 1,300 bytes, with one picture in and one score out."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = tf.constant([[1 / 32], [0.0], [-1 / 32]])
    module.score = tf.function(
        lambda image: tf.sigmoid(tf.matmul(tf.reduce_mean(image, [1, 2]), module.weights)),
        input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32, name="image")],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.score.get_concrete_function()], module)
    converted: bytes = converter.convert()
    return converted


def onnx_file() -> bytes:
    """Return an ONNX file that computes the same in 227 bytes."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["sums"]),
            helper.make_node("Sigmoid", ["sums"], ["scores"]),
        ],
        "sigmoid",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, SIDE, SIDE, 3))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 1))],
        [numpy_helper.from_array(np.array([[1], [0], [-1]], np.float32) / 32, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content
