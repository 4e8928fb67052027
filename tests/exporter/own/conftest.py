"""Red and blue pictures, and tiny ONNX files that tell them apart if they are fed as they want it."""

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from exporter.cli import main

SIDE = 16
RANGE = ("--input-range", -1, 1)


@pytest.fixture(scope="session")
def colours(tmp_path_factory):
    """Folders `test` and `other` with 12 pictures of each class, blue and red."""
    root = tmp_path_factory.mktemp("colours")
    generator = np.random.default_rng(0)
    for side in ("test", "other"):
        for name, base in (("blue", (60, 90, 190)), ("red", (190, 90, 60))):
            folder = root / side / name
            folder.mkdir(parents=True)
            for number in range(12):
                pixels = np.clip(np.array(base) + generator.integers(-50, 50, (20, 24, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return root


def write_onnx(path, *, shape=(1, 3, SIDE, SIDE), ending="Softmax", columns=None, dtype=TensorProto.FLOAT):
    """Write a network on -1 to 1 whose first logit is its blueness and whose second is its redness.

    `columns` gives the weights of each output over red, green and blue.
    """
    weights = np.array(columns or [[-1, 0, 1], [1, 0, -1]], np.float32).T * 8
    first = shape[1] == 3
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values"], ["means"], axes=[2, 3] if first else [1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["sums"]),
        helper.make_node(ending, ["sums"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", dtype, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (shape[0], weights.shape[1]))],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, str(path))
    return path


@pytest.fixture
def run(tmp_path):
    """Return a function that runs `catdog-export` in this process; it returns exit code, stdout and stderr."""

    def run(*arguments):
        bundles = ("--bundles", tmp_path / "bundles")
        done = CliRunner().invoke(main, [str(argument) for argument in (*arguments, *bundles)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return run
