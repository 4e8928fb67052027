"""Small real pictures, ONNX files and bundles, made at test time."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import backends
from edge_runtime.bundle import MANIFEST, Manifest, ModelFile, Precision, TensorInfo
from edge_runtime.picture.preprocessing import Preprocessing

SIDE = 16
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """One PNG of each colour by its name."""
    paths = {name: tmp_path / f"{name}.png" for name in COLOURS}
    for name, path in paths.items():
        Image.new("RGB", (40, 30), COLOURS[name]).save(path)
    return paths


@pytest.fixture(scope="session")
def onnx_file() -> Callable[..., bytes]:
    """Return a builder of ONNX files: `kind` is sigmoid, softmax or echo, which returns its input values."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the ONNX files of these tests")
    pytest.importorskip("onnxruntime", reason="onnxruntime runs the ONNX files of these tests")
    helper = onnx.helper

    def build(kind: str, *, input_type: str = "FLOAT", shape: tuple[Any, ...] = (1, SIDE, SIDE, 3)) -> bytes:
        means = [
            helper.make_node("Cast", ["image"], ["values"], to=onnx.TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["values"], ["means"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["sums"]),
        ]
        nodes = {
            "sigmoid": [*means, helper.make_node("Sigmoid", ["sums"], ["scores"])],
            "softmax": [*means, helper.make_node("Softmax", ["sums"], ["scores"])],
            "echo": [means[0], helper.make_node("Flatten", ["values"], ["scores"])],
        }[kind]
        weights = np.array([[1], [0], [-1]]) / 32 if kind == "sigmoid" else np.eye(3) / 32
        graph = helper.make_graph(
            nodes,
            kind,
            [helper.make_tensor_value_info("image", getattr(onnx.TensorProto, input_type), shape)],
            [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, None)],
            [onnx.numpy_helper.from_array(weights.astype(np.float32), "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        content: bytes = model.SerializeToString()
        return content

    return build


@pytest.fixture
def write_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of bundles from file names such as `float32.onnx` and their bytes."""

    def write(
        files: dict[str, bytes],
        labels: tuple[str, ...] = ("blue", "red"),
        *,
        name: str = "colours",
        side: int = SIDE,
        confidence_threshold: float = 0.0,
    ) -> Path:
        folder = tmp_path / "bundles" / name
        folder.mkdir(parents=True)
        for path, content in files.items():
            (folder / path).write_bytes(content)
        model_files = tuple(_model_file(path, content) for path, content in files.items())
        preprocessing = Preprocessing(side, side)
        manifest = Manifest(name, labels, preprocessing, model_files, {}, confidence_threshold=confidence_threshold)
        (folder / MANIFEST).write_text(json.dumps(manifest.to_dict(), indent=2))
        return folder

    return write


def _model_file(path: str, content: bytes) -> ModelFile:
    precision, suffix = path.split(".")
    digest = hashlib.sha256(content).hexdigest()
    dtype = "uint8" if (precision, suffix) == ("int8", "tflite") else "float32"
    return ModelFile(
        path=path,
        format=suffix,
        precision=Precision(precision),
        size_bytes=len(content),
        sha256=digest,
        input=TensorInfo("image", dtype, (1, SIDE, SIDE, 3)),
        output=TensorInfo("scores", dtype, (1, 1)),
        oldest_runtime="",
        drift={},
    )


@pytest.fixture
def threads_asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of inference threads that each opened model was asked to use."""
    asked: list[int] = []
    open_model = backends.open_model

    def open_and_note(name: str, content: bytes, threads: int, file: Any = None) -> backends.Backend:
        asked.append(threads)
        return open_model(name, content, threads, file)

    monkeypatch.setattr(backends, "open_model", open_and_note)
    return asked


@pytest.fixture
def onnx_bundle(write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes]) -> Path:
    """A bundle with one float32 ONNX file and the labels blue and red."""
    return write_bundle({"float32.onnx": onnx_file("sigmoid")})


@pytest.fixture
def both_bundle(
    write_bundle: Callable[..., Path], onnx_file: Callable[..., bytes], tflite_float32: bytes, tflite_int8: bytes
) -> Path:
    """A bundle with float32 and int8 files of both formats."""
    onnx = onnx_file("sigmoid")
    return write_bundle(
        {"float32.onnx": onnx, "int8.onnx": onnx, "float32.tflite": tflite_float32, "int8.tflite": tflite_int8}
    )


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Return a function that gives this machine's processor other features."""

    def set_features(features: str) -> None:
        path = tmp_path / "cpuinfo"
        path.write_bytes(f"model name\t: \xe9\nflags\t\t: fpu {features} bmi2\nbugs\t\t: none\n".encode("latin-1"))
        monkeypatch.setattr("edge_runtime.backends.selection._CPUINFO", path)

    return set_features


@pytest.fixture
def small_disk(disk: tuple[Path, Path]) -> Path:
    """The folder of a mounted file system of 64 MiB, or a skip where none can be mounted."""
    return disk[0]
