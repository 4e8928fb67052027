"""TFLite and ONNX files of one's own become bundles that every command takes, without a conversion."""

import json
import zipfile

import numpy as np
import onnx
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.bundle import Precision
from edge_runtime.bundle.interface import Activation, Layout
from edge_runtime.commands.selftest import run_selftest
from tests.exporter.own.conftest import write_onnx

RANGE = ("--input-range", -1, 1)


def passed(folder):
    """Say whether every check of a bundle's self-test passes."""
    checks = list(run_selftest(folder))
    return len(checks) > 6 and all(check.passed for check in checks)


@pytest.mark.parametrize("layout", Layout)
def test_an_onnx_file_becomes_a_bundle(colours, tmp_path, run, layout):
    """Proves that either layout is fed right, that the bytes stay, and that self-test and report are there."""
    shape = (1, 3, 16, 16) if layout is Layout.NCHW else (1, 16, 16, 3)
    path = write_onnx(tmp_path / "mine.onnx", shape=shape)
    code, out, err = run("--model", path, "--test", colours / "test", *RANGE)
    assert code == 0, err
    assert "labels in the order of the outputs: 0 blue, 1 red" in err
    assert "accuracy 100.00%" in out
    bundle = read_bundle(tmp_path / "bundles" / "mine")
    [file] = bundle.files
    assert bundle.read(file) == path.read_bytes()
    assert (file.path, file.interface.layout) == ("model.float32.onnx", layout)
    assert file.drift["gate"] == {"state": "passed", "min_accuracy": 0.5}
    assert passed(bundle.folder)
    report = (bundle.folder / "report.md").read_text()
    assert report.startswith("# mine: passed\n")
    assert "| blue | 12 | 0 |" in report
    picture = colours / "other" / "red" / "0.png"
    assert Classifier.open(bundle.folder).classify(picture).label == "red"


@pytest.mark.parametrize("mean", ["0.5,0.5,0.5", "127.5"])
def test_mean_and_deviation(colours, tmp_path, run, mean):
    """Proves that mean and deviation of 0-1 and of 0-255, one number or three, feed the same."""
    path = write_onnx(tmp_path / "mine.onnx")
    code, out, _ = run("--model", path, "--test", colours / "test", "--mean", mean, "--deviation", mean)
    assert (code, "accuracy 100.00%" in out) == (0, True)
    interface = read_bundle(tmp_path / "bundles" / "mine").files[0].interface
    assert set(interface.mean) | set(interface.deviation) == {127.5}


@pytest.mark.parametrize(
    ("ending", "columns", "activation"),
    [
        ("Softmax", None, Activation.NONE),
        ("Identity", None, Activation.SOFTMAX),
        ("LogSoftmax", None, Activation.SOFTMAX),
        ("Sigmoid", [[1, 0, -1]], Activation.NONE),
        ("Identity", [[1, 0, -1]], Activation.SIGMOID),
    ],
)
def test_endings(colours, tmp_path, run, ending, columns, activation):
    """Proves that scores stay, that logits become scores in the runtime, and that this is said."""
    path = write_onnx(tmp_path / "mine.onnx", ending=ending, columns=columns)
    code, out, err = run("--model", path, "--test", colours / "test", *RANGE)
    assert (code, "accuracy 100.00%" in out) == (0, True)
    assert (f"through a {activation}" in err) is (activation is not Activation.NONE)
    folder = tmp_path / "bundles" / "mine"
    assert read_bundle(folder).files[0].interface.activation is activation
    scores = Classifier.open(folder).classify(colours / "test" / "red" / "1.png").scores
    assert sum(scores.values()) == pytest.approx(1, abs=1e-5)
    assert passed(folder)


@pytest.mark.parametrize("name", ["tflite_int8", "tflite_int8_input"])
def test_quantised_tflite_files_say_their_range(colours, tmp_path, run, request, name):
    """Proves that uint8 and int8 inputs need no range, and are called int8."""
    path = tmp_path / "mine.tflite"
    path.write_bytes(request.getfixturevalue(name))
    code, out, err = run("--model", path, "--test", colours / "test")
    assert code == 0, err
    assert "accuracy 100.00%" in out
    folder = tmp_path / "bundles" / "mine"
    assert read_bundle(folder).files[0].precision is Precision.INT8
    assert passed(folder)


def test_a_float_file_must_be_told_its_range(colours, tmp_path, run, tflite_float32):
    """Proves that values of black and white are not guessed, and that the options are named."""
    path = tmp_path / "mine.tflite"
    path.write_bytes(tflite_float32)
    code, _, err = run("--model", path, "--test", colours / "test")
    assert code == 1
    assert "takes float32 and does not say which values are black and white" in err
    assert "--input-range 0 1" in err
    assert run("--model", path, "--test", colours / "test", "--input-range", 0, 255)[0] == 0


def with_metadata(content, labels):
    """Return a TFLite file with TFLite metadata: mean 127.5, deviation 127.5, and a file of labels."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    builder = flatbuffers.Builder(256)

    def table(fields):
        builder.StartObject(8)
        for number, value in fields.items():
            if number == "type":
                builder.PrependUint8Slot(2, value, 0)
            elif number == "kind":
                builder.PrependUint8Slot(0, value, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
        return builder.EndObject()

    def vector(*items):
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    def floats(value):
        builder.StartVector(4, 1, 4)
        builder.PrependFloat32(value)
        return builder.EndVector()

    mean, deviation = floats(127.5), floats(127.5)
    unit = table({"kind": 1, 1: table({0: mean, 1: deviation})})
    source = table({4: vector(unit)})
    file = table({0: builder.CreateString("labels.txt"), "type": 2})
    result = table({6: vector(file)})
    part = table({2: vector(source), 3: vector(result)})
    builder.Finish(table({3: vector(part)}), b"M001")
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(bytes(builder.Output()), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    target = bytearray(flatbuffer_utils.convert_object_to_bytearray(model))
    return bytes(target), labels


def test_metadata_in_the_file(colours, tmp_path, run, tensorflow):
    """Proves that labels and range in a TFLite file are used where nobody says others."""
    tf = tensorflow
    module = tf.Module()
    module.weights = tf.constant([[8.0, -8], [0, 0], [-8, 8]])
    module.score = tf.function(
        lambda image: tf.nn.softmax(tf.matmul(tf.reduce_mean(image, [1, 2]), module.weights)),
        input_signature=[tf.TensorSpec((1, 16, 16, 3), tf.float32)],
    )
    plain = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.score.get_concrete_function()], module
    ).convert()
    content, labels = with_metadata(plain, "red\nblue\n")
    path = tmp_path / "mine.tflite"
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", labels)
    code, out, err = run("--model", path, "--test", colours / "test")
    assert code == 0, err
    assert "labels in the order of the outputs: 0 red, 1 blue" in err
    assert "The labels are those in the file." in err
    assert "accuracy 100.00%" in out
    interface = read_bundle(tmp_path / "bundles" / "mine").files[0].interface
    assert (interface.mean, interface.deviation) == ((127.5,), (127.5,))


def test_labels_in_the_wrong_order_are_found_out(colours, tmp_path, run):
    """Proves that reversed labels warn, exit with 4, and that the right order is named."""
    path = write_onnx(tmp_path / "mine.onnx")
    labels = tmp_path / "labels.txt"
    labels.write_text("0 Red\n1 Blue\n")
    code, out, err = run("--model", path, "--test", colours / "test", "--labels", labels, *RANGE)
    assert code == 4
    assert "accuracy 0.00%" in out
    assert "warning: the model is no better than guessing" in err
    assert "0 Red, 1 Blue" in err
    assert "warning: 100.00% would be right with the labels in another order: --labels Blue,Red" in err
    assert "next:" not in err


def test_a_wrong_range_is_found_out(colours, tmp_path, run):
    """Proves that a range in which all pictures look alike warns, exits with 4, and that the right one is named."""
    biased = onnx.load(write_onnx(tmp_path / "mine.onnx"))
    bias = onnx.numpy_helper.from_array(
        np.array([0, 20], np.float32), "bias"
    )  # all look red, unless values are large
    biased.graph.initializer.append(bias)
    biased.graph.node[2].output[0] = "products"
    biased.graph.node.insert(3, onnx.helper.make_node("Add", ["products", "bias"], ["sums"]))
    onnx.save_model(biased, str(tmp_path / "mine.onnx"))
    code, _, err = run("--model", tmp_path / "mine.onnx", "--test", colours / "test", "--input-range", 0, 1)
    assert code == 4
    assert "warning: 100.00% would be right with --input-range 0 255" in err


def test_open_sizes_and_a_batch(colours, tmp_path, run):
    """Proves that an ONNX file of any size gets one with --size, and that a batch of four is fed one picture."""
    path = write_onnx(tmp_path / "any.onnx", shape=("n", 3, "h", "w"))
    code, _, err = run("--model", path, "--test", colours / "test", *RANGE)
    assert (code, "takes pictures of any size. State the one for the device, as in --size 224" in err) == (1, True)
    assert run("--model", path, "--test", colours / "test", *RANGE, "--size", "24x16")[0] == 0
    bundle = read_bundle(tmp_path / "bundles" / "any")
    assert bundle.preprocessing.shape == (16, 24, 3)
    assert passed(bundle.folder)
    batch = write_onnx(tmp_path / "batch.onnx", shape=(4, 3, 16, 16))
    code, _, err = run("--model", batch, "--test", colours / "test", *RANGE)
    assert (code, "takes 4 pictures at once" in err) == (0, True)


def test_weights_in_another_file(colours, tmp_path, run):
    """Proves that an ONNX file with weights beside it becomes one file, and that a missing one is named."""
    model = onnx.load(write_onnx(tmp_path / "mine.onnx"))
    onnx.save_model(
        model, str(tmp_path / "two.onnx"), save_as_external_data=True, location="two.data", size_threshold=0
    )
    code, _, err = run("--model", tmp_path / "two.onnx", "--test", colours / "test", *RANGE)
    assert (code, "They are inside the file of the bundle" in err) == (0, True)
    assert passed(tmp_path / "bundles" / "two")
    (tmp_path / "two.data").unlink()
    code, _, err = run("--model", tmp_path / "two.onnx", "--test", colours / "test", *RANGE)
    assert (code, "keeps its weights in another file, which cannot be read" in err) == (1, True)


def test_a_background_class(colours, tmp_path, run):
    """Proves that one output more than labels is taken for a background in front, and that this is said."""
    path = write_onnx(tmp_path / "mine.onnx", columns=[[-1, -1, -1], [-1, 0, 1], [1, 0, -1]])
    options = ("--labels", "blue,red", *RANGE)
    code, _, err = run("--model", path, "--test", colours / "test", *options)
    assert code == 0, err
    assert "The first is taken for a class background" in err
    assert read_bundle(tmp_path / "bundles" / "mine").labels == ("background", "blue", "red")


def test_a_smallest_accuracy(colours, tmp_path, run):
    """Proves that a file below --min-accuracy is failed with 3 and writes only a report, and above it passes."""
    path = write_onnx(tmp_path / "mine.onnx", columns=[[0, 0, 1], [0, 0, 1]])
    code, _, err = run("--model", path, "--test", colours / "test", *RANGE, "--min-accuracy", 0.9)
    assert code == 3
    assert "the gate failed: no bundle was written, only the report" in err
    assert (tmp_path / "bundles" / "mine.failed" / "report.md").exists()
    assert not (tmp_path / "bundles" / "mine").exists()
    good = write_onnx(tmp_path / "mine.onnx")
    assert run("--model", good, "--test", colours / "test", *RANGE, "--min-accuracy", 0.8)[0] == 0
    assert not (tmp_path / "bundles" / "mine.failed").exists()


def test_a_threshold_from_validation_pictures(colours, tmp_path, run):
    """Proves that --validation sets the confidence threshold of the bundle."""
    path = write_onnx(tmp_path / "mine.onnx")
    options = ("--validation", colours / "other", *RANGE)
    assert run("--model", path, "--test", colours / "test", *options)[0] == 0
    assert read_bundle(tmp_path / "bundles" / "mine").confidence_threshold > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels", "a,b", *RANGE), "the sub-folder blue has the name of no label"),
        (("--labels", "blue,red,green,black", *RANGE), "expected 4 outputs for the 4 labels of --labels"),
        (("--input-range", 1, 1), "expected two different numbers, received 1 twice"),
        (("--size", "32", *RANGE), "takes pictures of 16 x 16 pixels (width x height), received --size 32x32"),
        (("--mean", "0", "--deviation", "0"), "--deviation: expected numbers other than 0"),
    ],
)
def test_what_does_not_fit_is_one_line(colours, tmp_path, run, options, message):
    """Proves that labels, ranges and sizes that do not fit are exit code 1 and one line with what was received."""
    path = write_onnx(tmp_path / "mine.onnx")
    code, out, err = run("--model", path, "--test", colours / "test", *options)
    assert (code, out) == (1, "")
    assert [line for line in err.splitlines() if "error: " in line] == err.splitlines()[-1:]
    assert message in err


@pytest.mark.parametrize(
    ("shape", "message"),
    [((1, 48), "expected an input of one picture"), ((1, 4, 16, 16), "expected an input of one picture"),
     ((1, 3, 3000, 16), "1 to 2048")],
)  # fmt: skip
def test_other_inputs_are_one_line(colours, tmp_path, run, shape, message):
    """Proves that what takes no picture is refused with its sizes."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Flatten", ["image"], ["scores"])],
        "odd",
        [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, None)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "odd.onnx").write_bytes(model.SerializeToString())
    code, _, err = run("--model", tmp_path / "odd.onnx", "--test", colours / "test", *RANGE)
    assert code == 1
    assert message in err
    assert len(err.splitlines()) == 1


def test_damaged_files_are_one_line(colours, tmp_path, run, tflite_float32):
    """Proves that TFLite and ONNX files that are cut off are one line each."""
    whole = {"a.tflite": tflite_float32, "a.onnx": write_onnx(tmp_path / "whole.onnx").read_bytes()}
    for name, content in whole.items():
        for end in (40, len(content) // 2):
            (tmp_path / name).write_bytes(content[:end])
            code, _, err = run("--model", tmp_path / name, "--test", colours / "test", *RANGE)
            assert (code, len(err.splitlines())) == (1, 1), err


def test_several_outputs_are_named(colours, tmp_path, run):
    """Proves that a file of two outputs, such as a detector's, is refused with their names."""
    model = onnx.load(write_onnx(tmp_path / "mine.onnx"))
    model.graph.output.append(onnx.helper.make_tensor_value_info("means", onnx.TensorProto.FLOAT, (1, 3)))
    onnx.save_model(model, str(tmp_path / "mine.onnx"))
    code, _, err = run("--model", tmp_path / "mine.onnx", "--test", colours / "test", *RANGE)
    assert (code, "the outputs scores, means" in err) == (1, True)


def test_the_manifest_follows_the_schema(colours, tmp_path, run):
    """Proves that the bundle of a file of others follows the schema of the manifest."""
    import jsonschema

    from tests.contract.test_manifest import SCHEMA

    run("--model", write_onnx(tmp_path / "mine.onnx"), "--test", colours / "test", *RANGE)
    values = json.loads((tmp_path / "bundles" / "mine" / "manifest.json").read_text())
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(values)) == []
