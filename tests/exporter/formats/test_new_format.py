"""A format is added by one entry in the exporter's table: it is converted, judged, reported and drawn as others."""

import io
import sys
from types import ModuleType

import numpy as np
import pytest
from scipy.special import expit

from edge_runtime.backends import BACKENDS, BackendLibrary
from edge_runtime.bundle import FORMATS as RUNTIME_FORMATS
from edge_runtime.bundle import ModelFormat, Precision, TensorInfo, read_bundle
from exporter.cli import wanted_targets
from exporter.errors import ConversionError
from exporter.export import explain, export
from exporter.formats.conversion import plan_targets
from exporter.formats.format import ExportFormat
from exporter.formats.layer_error import LayerError, decibel, powers
from exporter.formats.operators import Graph, Operator
from exporter.formats.table import FORMATS, format_named
from exporter.plan import ExportPlan
from exporter.report.plots import plot_differences, plot_flips, plot_reliability
from exporter.source import read_source
from tests.exporter.conftest import CALIBRATION_COUNT, Stages, run_of

MODULE = "tests_of_a_new_format"


def packed(kernel: np.ndarray, bias: np.ndarray) -> bytes:
    """Return a file of the new format: the weights of a dense layer of one sigmoid over all pixels."""
    content = io.BytesIO()
    np.savez(content, kernel=kernel, bias=bias)
    return content.getvalue()


def unpacked(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    with np.load(io.BytesIO(content)) as arrays:
        return arrays["kernel"], arrays["bias"]


class Weighs:
    """A loaded file of the new format, as a backend holds it."""

    input = TensorInfo("image", "uint8", (1, 64, 64, 3))
    output = TensorInfo("scores", "float32", (1, 1))

    def __init__(self, content: bytes) -> None:
        self._kernel, self._bias = unpacked(content)

    def predict(self, pixels):
        return expit(pixels.reshape(-1).astype(np.float64) @ self._kernel + self._bias).astype(np.float32)


def convert(model) -> bytes:
    return packed(*model.layers[-1].get_weights())


def quantize_int8(float32: bytes, calibration, *, keep_float=()) -> bytes:
    """Turn every answer round, as a bad quantiser would, unless the layer is kept in float."""
    kernel, bias = unpacked(float32)
    if "verdict" in keep_float:
        return float32
    scale = np.abs(kernel).max() / 127
    return packed(-np.round(kernel / scale) * scale, -bias)


def read_graph(content: bytes) -> Graph:
    kind = "int8" if unpacked(content)[0].min() == -unpacked(content)[0].max() else "float32"
    return Graph((Operator("WEIGH", "verdict", ("int8",), ("int8",)),), {kind: 2}, {kind: 64 * 64 * 3})


def layer_errors(float32: bytes, int8: bytes, pixels) -> list[LayerError]:
    exact, rough = (pixels.reshape(len(pixels), -1) @ unpacked(content)[0] for content in (float32, int8))
    return [LayerError("verdict", "WEIGH", decibel(*powers(exact, rough)))]


@pytest.fixture
def new_format(monkeypatch) -> str:
    """The name of a format that this project does not know, with a backend that runs its files."""
    module = ModuleType(MODULE)
    module.open_model = lambda content, threads: Weighs(content)
    monkeypatch.setitem(sys.modules, MODULE, module)
    monkeypatch.setitem(RUNTIME_FORMATS, "weights", ModelFormat("Weights", ".weights"))
    monkeypatch.setitem(BACKENDS, "scales", BackendLibrary("Scales", MODULE, "json", "weights", "pip install it"))
    made = ExportFormat(
        "weights",
        "scales",
        convert,
        read_graph,
        packages=("click",),
        int8=quantize_int8,
        layer_errors=layer_errors,
        oldest_backend={Precision.FLOAT32: "scales 1.0"},
        scales_inside=True,
    )
    monkeypatch.setitem(FORMATS, "weights", made)
    return "weights"


@pytest.fixture(scope="module")
def weighing_run(run_folder, tmp_path_factory):
    """A run whose network is one dense layer over all pixels, right about every picture."""
    import keras

    keras.utils.set_random_seed(0)
    verdict = keras.layers.Dense(1, activation="sigmoid", name="verdict")
    rescaling = keras.layers.Rescaling(1 / 255)
    model = keras.Sequential([keras.Input((64, 64, 3)), rescaling, keras.layers.Flatten(), verdict])
    return run_of(model, run_folder, tmp_path_factory.mktemp("weighing") / "weighing")


def outcome_of(run, folder, name: str, **options):
    """Export float32 and int8 files of a format, when 20 points may be lost."""
    targets = plan_targets((name,), (Precision.FLOAT32, Precision.FLOAT16, Precision.INT8))
    plan = ExportPlan(targets, calibration_count=CALIBRATION_COUNT, max_drop=0.2, **options)
    return export(read_source(run), folder, plan, observer=Stages([]))


def test_only_what_it_can_make_is_planned(new_format):
    """Proves that a plan has the precisions of the format's entry, and that `all` of the command line has it."""
    assert format_named(new_format).precisions == (Precision.FLOAT32, Precision.INT8)
    names = [target.file_name for target in wanted_targets("all", "all")]
    assert [name for name in names if "weights" in name] == ["model.float32.weights", "model.int8.weights"]
    with pytest.raises(ConversionError, match=r"no dynamic file of the format weights: expected float32, int8"):
        format_named(new_format).quantized(b"", Precision.DYNAMIC, np.zeros((0, 64, 64, 3), np.uint8))


def test_its_files_are_judged(new_format, weighing_run, tmp_path):
    """Proves that its backend runs its files: float32 passes, int8 that turns every answer round fails."""
    outcome = outcome_of(weighing_run, tmp_path / "b", new_format)
    states = {line.split()[0]: line.split()[-1] for line in explain(outcome)}
    assert states == {"model.float32.weights": "passed", "model.int8.weights": "failed"}
    assert outcome.folder.name == "b.failed"
    text = (outcome.folder / "report.md").read_text()
    assert "- `model.int8.weights`: **failed**, -100.00%" in text
    assert "| `verdict` | WEIGH | -6.0 dB |" in text  # the error is twice the signal
    assert (outcome.folder / "flips.int8.weights.png").stat().st_size > 10_000


def test_it_is_drawn(new_format, weighing_run, tmp_path):
    """Proves that every plot names its files."""
    record = outcome_of(weighing_run, tmp_path / "b", new_format).record
    plot_differences(record, tmp_path / "differences.svg")
    plot_reliability(record, tmp_path / "reliability.svg")
    plot_flips(record, record.files[1], tmp_path / "flips.svg")
    assert "<!-- model.float32.weights -->" in (tmp_path / "differences.svg").read_text()
    assert "<!-- model.int8.weights, the worst file -->" in (tmp_path / "reliability.svg").read_text()
    assert "flips of model.int8.weights" in (tmp_path / "flips.svg").read_text()


def test_it_is_repaired_and_written(new_format, weighing_run, tmp_path):
    """Proves that a repair keeps the layer that was measured, and that manifest and report say what was made."""
    outcome = outcome_of(weighing_run, tmp_path / "b", new_format, repair=True)
    bundle = read_bundle(outcome.folder)
    assert [(file.path, file.format) for file in bundle.files] == [
        ("model.float32.weights", "weights"),
        ("model.mixed.weights", "weights"),
    ]
    assert [file.oldest_runtime for file in bundle.files] == ["scales 1.0", ""]
    assert bundle.training["kept_float"] == {"model.mixed.weights": ["verdict"]}
    assert "click" in bundle.training["export_versions"]
    assert set(bundle.selftest[0].scores) == {"model.float32.weights", "model.mixed.weights"}
    text = (outcome.folder / "report.md").read_text()
    assert "The gate failed `model.int8.weights` at a difference of -100.00%." in text
    assert "image uint8 [1, 64, 64, 3], scale inside the file" in text
