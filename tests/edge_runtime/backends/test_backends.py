"""The backends on real files: what goes in, what comes out, and the errors for bad files and missing libraries."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import backends
from edge_runtime.backends import BACKENDS, installed_backends, onnx_runtime
from edge_runtime.errors import BackendError

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
RED = np.full((16, 16, 3), (255, 0, 0), np.uint8)
BLUE = np.full((16, 16, 3), (0, 0, 255), np.uint8)


def share(pixels: np.ndarray) -> float:
    """Return what the tiny models compute: the sigmoid of mean red less mean blue, over 32."""
    red, _, blue = pixels.reshape(-1, 3).mean(axis=0)
    return float(1 / (1 + np.exp((blue - red) / 32)))


def test_installed_backends_are_found_without_importing_them() -> None:
    """Proves that listing the installed backends imports none of them."""
    script = "import sys; from edge_runtime.backends import *; print(installed_backends()); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found, loaded = done.stdout.splitlines()
    assert found == str(tuple(name for name in BACKENDS if find_spec(BACKENDS[name].library)))
    assert not {backend.library for backend in BACKENDS.values()} & set(loaded.split())


@pytest.mark.parametrize("input_type", ["FLOAT", "UINT8"])
def test_onnx_input_is_passed_untouched(onnx_file: Callable[..., bytes], input_type: str) -> None:
    """Proves that an ONNX file gets the values 0-255 unchanged, for both types of input."""
    model = backends.open_model("onnxruntime", onnx_file("echo", input_type=input_type), 1)
    outputs = model.predict(NOISE)
    assert outputs.dtype == np.float32
    np.testing.assert_array_equal(outputs, NOISE.ravel())


def test_tflite_input_is_passed_untouched(tflite_echo: bytes) -> None:
    """Proves that a TFLite file with uint8 input gets the values 0-255 unchanged."""
    model = backends.open_model("litert", tflite_echo, 1)
    np.testing.assert_array_equal(model.predict(NOISE), NOISE.ravel())


def test_result_is_not_overwritten_by_the_next_call(onnx_file: Callable[..., bytes], tflite_echo: bytes) -> None:
    """Proves that the shared buffers change no earlier result and keep nothing of an earlier picture."""
    for name, content in (("onnxruntime", onnx_file("echo")), ("litert", tflite_echo)):
        model = backends.open_model(name, content, 1)
        first = model.predict(RED)
        second = model.predict(BLUE)
        np.testing.assert_array_equal(first, RED.ravel())
        np.testing.assert_array_equal(second, BLUE.ravel())


def test_float32_files_agree(onnx_file: Callable[..., bytes], tflite_float32: bytes) -> None:
    """Proves that both backends compute the right score."""
    for name, content in (("onnxruntime", onnx_file("sigmoid")), ("litert", tflite_float32)):
        model = backends.open_model(name, content, 2)
        for pixels in (NOISE, RED, BLUE):
            assert model.predict(pixels) == pytest.approx([share(pixels)], abs=1e-5)


def test_int8_scores_are_exactly_the_dequantised_output(tflite_int8: bytes) -> None:
    """Proves that an int8 score is exactly (value - zero point) x scale, and close to the float score."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite_int8)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (source["dtype"], result["dtype"]) == (np.uint8, np.uint8)
    scale, zero_point = result["quantization"]
    model = backends.open_model("litert", tflite_int8, 1)
    for pixels in (NOISE, RED, BLUE, RED // 2 + BLUE // 3):
        interpreter.set_tensor(source["index"], pixels[None])
        interpreter.invoke()
        raw = int(interpreter.get_tensor(result["index"])[0, 0])
        assert model.predict(pixels).tolist() == [np.float32(raw - zero_point) * np.float32(scale)]
        assert model.predict(pixels) == pytest.approx([share(pixels)], abs=0.03)


@pytest.mark.parametrize("content", [b"", b"\0", b"not a model" * 20], ids=["empty", "one byte", "text"])
@pytest.mark.parametrize("name", ["litert", "onnxruntime"])
def test_file_that_is_no_model(name: str, content: bytes) -> None:
    """Proves that a file that is no model is a BackendError that names the library."""
    pytest.importorskip(BACKENDS[name].library)
    with pytest.raises(BackendError, match=f"{BACKENDS[name].library} does not load this file"):
        backends.open_model(name, content, 1)


def test_threads_sleep_between_pictures(onnx_file: Callable[..., bytes]) -> None:
    """Proves that the threads of ONNX Runtime do not spin between the pictures of a camera."""
    options = onnx_runtime.open_model(onnx_file("sigmoid"), 2)._session.get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.spin_duration_us") == "3000"


def test_truncated_onnx_file(onnx_file: Callable[..., bytes]) -> None:
    """Proves that an ONNX file cut anywhere is a BackendError."""
    content = onnx_file("sigmoid")
    for end in range(1, len(content), 37):
        with pytest.raises(BackendError):
            backends.open_model("onnxruntime", content[:end], 1)


@pytest.mark.parametrize(
    ("input_type", "shape"), [("INT8", (1, 16, 16, 3)), ("FLOAT16", (1, 16, 16, 3)), ("FLOAT", (1, "h", "w", 3))]
)
def test_onnx_file_with_another_input_is_refused(
    onnx_file: Callable[..., bytes], input_type: str, shape: tuple[int | str, ...]
) -> None:
    """Proves that an ONNX file is refused if it would misread uint8 pictures or has no fixed size."""
    with pytest.raises(BackendError, match="expected a uint8 or float32 input"):
        backends.open_model("onnxruntime", onnx_file("echo", input_type=input_type, shape=shape), 1)


def test_onnx_file_with_a_free_batch_is_accepted(onnx_file: Callable[..., bytes]) -> None:
    """Proves that only the size of the picture must be fixed, and not the batch size."""
    model = backends.open_model("onnxruntime", onnx_file("sigmoid", shape=("n", 16, 16, 3)), 1)
    assert model.predict(RED) == pytest.approx([share(RED)], abs=1e-5)


def test_tflite_file_with_int8_input_is_refused(tflite_int8_input: bytes) -> None:
    """Proves that a file with int8 input is refused, because uint8 values would wrap around in it."""
    with pytest.raises(BackendError, match="expected a uint8 or float32 input, received int8"):
        backends.open_model("litert", tflite_int8_input, 1)


def test_a_tensor_without_data_is_an_error(tflite_float32: bytes) -> None:
    """Proves that what the interpreter raises on a picture, a ValueError here, is a BackendError of one line."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite_float32, 0))
    tree.subgraphs[0].operators = []  # so nothing fills the output
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    model = backends.open_model("litert", bytes(builder.Output()), 1)
    with pytest.raises(BackendError, match=r"^the backend failed on a picture: Tensor data is null\.[^\n]*$"):
        model.predict(NOISE)


def test_a_second_input_is_an_error(onnx_file: Callable[..., bytes]) -> None:
    """Proves that an ONNX file that wants more than a picture is a BackendError when it is run."""
    import onnx

    model = onnx.load_from_string(onnx_file("sigmoid"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, (1,)))
    with pytest.raises(BackendError, match=r"the backend failed on a picture: .*more"):
        backends.open_model("onnxruntime", model.SerializeToString(), 1).predict(NOISE)


@pytest.mark.parametrize(("name", "of"), [("litert", "ONNX"), ("onnxruntime", "TFLite")])
def test_a_file_of_another_format_is_told_by_its_bytes(
    onnx_file: Callable[..., bytes], tflite_int8: bytes, name: str, of: str
) -> None:
    """Proves that a backend is not fed what another one runs, and that the error names both formats."""
    content = tflite_int8 if of == "TFLite" else onnx_file("sigmoid")
    with pytest.raises(BackendError, match=f"as the manifest says, received the bytes of {of}"):
        backends.open_model(name, content, 1)


def bare_site(folder: Path) -> dict[str, str]:
    """Return an environment in which only NumPy, Pillow and Click are installed beside our own code."""
    for package in ("numpy", "pillow", "click"):
        tops = {file.parts[0] for file in files(package) or () if file.parts[0] != ".."}
        for top in tops:
            real = Path(find_spec("click").origin).parents[1] / top  # type: ignore[union-attr, arg-type]
            (folder / top).symlink_to(real)
    (folder / "edge_runtime").symlink_to(Path(backends.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "installed backends: none"),
        (["--backend", "onnxruntime"], "Install it: pip install 'catdog-edge[onnx]'"),
    ],
)
def test_missing_library_names_its_install_line(
    tmp_path: Path, onnx_bundle: Path, options: list[str], words: str
) -> None:
    """Proves that a device without any backend gets one line that says what to install."""
    site = tmp_path / "site"
    site.mkdir()
    script = "from edge_runtime.cli import run; run()"
    command = [sys.executable, "-S", "-c", script, "classify", "x.png", "--bundle", str(onnx_bundle), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=bare_site(site), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert "pip install" in line
    assert set(installed_backends())  # it is there in this process, so the other one was really bare
