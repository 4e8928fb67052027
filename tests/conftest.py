"""Tiny real TFLite models and a small real export that tests of every package share, each made once a session."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.measurements import Measurements
from tests.disks import make_image, mounted

SIDE = 16

# A shell starts background jobs with SIGINT ignored, and programs inherit that; tests send it
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    """TensorFlow, or a skip where only the device side is installed."""
    return pytest.importorskip("tensorflow", reason="TensorFlow writes the TFLite files of these tests")


@pytest.fixture(scope="session")
def tflite_float32(tensorflow: Any) -> bytes:
    """A TFLite file on `float32 (1, 16, 16, 3)` whose one score says how much more red than blue there is."""
    converted: bytes = _converter(tensorflow).convert()
    return converted


@pytest.fixture(scope="session")
def tflite_int8(tensorflow: Any) -> bytes:
    """The same in int8 throughout, with uint8 pictures in and uint8 scores out."""
    return _int8(tensorflow, tensorflow.uint8)


@pytest.fixture(scope="session")
def tflite_int8_input(tensorflow: Any) -> bytes:
    """The same with int8 pictures in, which nothing here can feed."""
    return _int8(tensorflow, tensorflow.int8)


@pytest.fixture(scope="session")
def tflite_echo(tensorflow: Any) -> bytes:
    """A TFLite file on `uint8 (1, 16, 16, 3)` whose outputs are its input values as float32."""
    tf = tensorflow
    module = tf.Module()
    module.echo = tf.function(
        lambda image: tf.reshape(tf.cast(image, tf.float32), (1, -1)),
        input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.uint8, name="image")],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.echo.get_concrete_function()], module)
    converted: bytes = converter.convert()
    return converted


def _converter(tf: Any) -> Any:
    module = tf.Module()
    module.weights = tf.constant([[1 / 32], [0.0], [-1 / 32]])
    module.score = tf.function(
        lambda image: tf.sigmoid(tf.matmul(tf.reduce_mean(image, [1, 2]), module.weights)),
        input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32, name="image")],
    )
    return tf.lite.TFLiteConverter.from_concrete_functions([module.score.get_concrete_function()], module)


def _int8(tf: Any, input_type: Any) -> bytes:
    import numpy as np

    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in range(8)]
    colours = ((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255))
    pictures += [np.full((1, SIDE, SIDE, 3), colour, np.float32) for colour in colours]
    converter = _converter(tf)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = input_type
    converter.inference_output_type = tf.uint8
    converted: bytes = converter.convert()
    return converted


@pytest.fixture(scope="session")
def run_folder(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report network at 64 pixels, trained for two epochs on 2 x 64 drawings."""
    from tests.exporter.conftest import Silent
    from trainer.config import TrainConfig
    from trainer.data.sample import write_sample
    from trainer.run_folder import start_run
    from trainer.training import train

    root = tmp_path_factory.mktemp("export")
    data = write_sample(root / "drawn", count_per_class=64)
    config = TrainConfig(
        data=str(data), image_size=64, epochs=2, batch_size=16, test_fraction=0.25, validation_fraction=0.25
    )
    start_run(root / "runs", "small", config)
    folder, _ = train(config, "small", runs=root / "runs", observer=Silent(), cache=root / "cache")
    return folder


@pytest.fixture(scope="session")
def exported(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The command `catdog-export --quantize all` with the default limit, finished, and the folder it ran in."""
    from tests.exporter.conftest import CALIBRATION_COUNT, run_export

    cwd = tmp_path_factory.mktemp("cwd")
    options = ("--quantize", "all", "--calibration-count", CALIBRATION_COUNT)
    return run_export("--run", run_folder, *options, cwd=cwd), cwd


@pytest.fixture(scope="session")
def bundle_folder(exported: Any) -> Path:
    """The bundle it wrote: every file that an export can write."""
    folder: Path = exported[1] / "bundles" / "small"
    return folder


@pytest.fixture(scope="session")
def measurements() -> Iterator[Measurements]:
    """What this session measures of the bounds in docs/measurements/parity.md."""
    measured = Measurements()
    yield measured
    measured.write_where_wanted()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A mounted small file system, and its image; a skip where none can be mounted."""
    image = make_image(tmp_path / "disk.img")
    with mounted(image, tmp_path / "disk") as folder:
        yield folder, image
