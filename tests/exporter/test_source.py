"""A run folder, or a Keras model of the user's own, is read whole or refused in one clear line."""

import hashlib
import io
import json
import re
import resource
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime import Classifier, read_bundle
from edge_runtime.picture.preprocessing import load_picture
from exporter.cli import main
from exporter.errors import SourceError
from exporter.export import export
from exporter.network.model import input_size, is_chain, keras_scores, load_keras_model
from exporter.plan import ExportPlan
from exporter.source import SplitPicture, load_split_pictures, read_keras_source, read_source
from tests.exporter.conftest import Stages, target


@pytest.fixture
def copy(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "run")


def test_reads_what_training_wrote(source):
    """Labels, preprocessing and the three sides come back, with files that are there."""
    assert source.labels == ("cat", "dog")
    assert (source.preprocessing.width, source.preprocessing.height) == (64, 64)
    assert {side: len(pictures) for side, pictures in source.sides.items()} == {
        "train": 64,
        "validation": 32,
        "test": 32,
    }


def test_pictures_are_those_of_the_runtime(source):
    """Pixels handed to converters are what the edge runtime makes of the same files."""
    pictures = source.sides["test"][:3]
    pixels, targets = load_split_pictures(pictures, source.preprocessing)
    for picture, loaded in zip(pictures, pixels, strict=True):
        np.testing.assert_array_equal(loaded, load_picture(picture.path, source.preprocessing))
    assert targets.tolist() == [picture.label for picture in pictures]


def test_no_run_there(tmp_path):
    """A folder without run.json names the command that makes one."""
    with pytest.raises(SourceError, match=r"no finished run there.*catdog-train"):
        read_source(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}'])
def test_damaged_run_json(copy, content):
    """Any damage to run.json is a SourceError that says what to do."""
    (copy / "run.json").write_text(content)
    with pytest.raises(SourceError, match=r"Train again|Install|install"):
        read_source(copy)


def test_changed_picture_is_refused(copy, source, tmp_path):
    """A file that is not the one trained on would make the comparison false."""
    splits = json.loads((copy / "splits.json").read_text())
    data = shutil.copytree(splits["folder"], tmp_path / "data")
    splits["folder"] = str(data)
    (copy / "splits.json").write_text(json.dumps(splits))
    moved = read_source(copy)
    load_split_pictures(moved.sides["test"], moved.preprocessing)
    victim = moved.sides["test"][0].path
    victim.write_bytes(moved.sides["test"][1].path.read_bytes())
    with pytest.raises(SourceError, match="has changed since training"):
        load_split_pictures(moved.sides["test"], moved.preprocessing)
    victim.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        load_split_pictures(moved.sides["test"], moved.preprocessing)


def test_a_picture_that_training_read_and_export_cannot(source, tmp_path):
    """Bytes that have not changed and cannot be decoded are the fault of the decoder, and the error says so."""
    path = tmp_path / "odd.jpg"
    path.write_bytes(b"no picture")
    picture = SplitPicture(path, 0, hashlib.sha256(b"no picture").hexdigest(), "0" * 64)
    with pytest.raises(
        SourceError, match=r"odd\.jpg: not a picture .*has not changed since training\. Install the Pillow"
    ):
        load_split_pictures((picture,), source.preprocessing)


def test_model_that_does_not_match_its_labels(copy):
    """Three labels over one sigmoid output are refused before anything is converted."""
    run = json.loads((copy / "run.json").read_text())
    splits = json.loads((copy / "splits.json").read_text())
    run["labels"] = splits["labels"] = ["cat", "dog", "hamster"]
    (copy / "run.json").write_text(json.dumps(run))
    (copy / "splits.json").write_text(json.dumps(splits))
    with pytest.raises(SourceError, match="3 outputs for labels cat, dog, hamster"):
        load_keras_model(read_source(copy))


def test_damaged_model(copy):
    """A model file that Keras cannot read is named."""
    (copy / "model.keras").write_bytes(b"not a zip")
    with pytest.raises(SourceError, match=r"model\.keras: Keras cannot load it"):
        load_keras_model(read_source(copy))


OPTIONS = ("--format", "tflite", "--quantize", "none", "--max-drop", "1", "--calibration-count", "8")


@pytest.fixture(scope="module")
def own(tmp_path_factory, source):
    """Keras models as a user might have them, and folders of test and calibration pictures, without a run."""
    import keras
    from keras import layers

    root = tmp_path_factory.mktemp("own")
    for side in ("test", "train"):
        for label, name in enumerate(("Katze", "Hund")):
            folder = root / side / name
            folder.mkdir(parents=True)
            for picture in [picture for picture in source.sides[side] if picture.label == label][:8]:
                shutil.copy(picture.path, folder)
    keras.utils.set_random_seed(0)

    def save(name, size, channels, *body):
        keras.Sequential([keras.Input((size, size, channels)), *body]).save(root / f"{name}.keras")

    def tail(outputs, activation):
        return (
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(outputs, activation=activation),
        )

    save("rescaling", 32, 3, layers.Rescaling(1 / 127.5, -1), *tail(1, "sigmoid"))
    normal = layers.Normalization()
    normal.adapt(np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.float32))
    save("adapted", 32, 3, normal, *tail(1, "sigmoid"))
    save("bare", 32, 3, *tail(2, "softmax"))
    save("one", 32, 3, *tail(1, "sigmoid"))
    save("three", 32, 3, layers.Rescaling(1 / 255), *tail(3, "softmax"))
    save("grey", 32, 1, layers.Rescaling(1 / 255), *tail(1, "sigmoid"))
    image = keras.Input((32, 32, 3))
    branch = layers.Conv2D(3, 3, padding="same")(image)
    body = keras.Sequential(tail(1, "sigmoid"))(layers.Add()([image, branch]))
    keras.Model(image, body).save(root / "branching.keras")
    keras.Sequential([keras.Input((None, None, 3)), layers.Rescaling(1 / 255), *tail(1, "sigmoid")]).save(
        root / "open.keras"
    )
    return root


def own_source(own, name, **options):
    model = own / f"{name}.keras"
    return read_keras_source(model, own / "test", size=input_size(model), **options)


def exported_scores(own, name, folder, **options):
    """Export a model's float32 files; return what they give the test pictures, and the pictures."""
    source = own_source(own, name, **options)
    targets = tuple(target(format_, "float32") for format_ in ("tflite", "onnx"))
    plan = ExportPlan(targets, calibration_count=8, calibration=own / "train", max_drop=1.0)
    outcome = export(source, folder, plan, observer=Stages([]))
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    opened = [Classifier.open(outcome.folder, backend) for backend in ("litert", "onnxruntime")]
    return [np.array([classifier.scores(picture) for picture in pixels]) for classifier in opened], pixels


@pytest.mark.parametrize("name", ["rescaling", "adapted"])
def test_a_model_of_ones_own_that_takes_pixels(own, tmp_path, name):
    """It takes 0-255 as it is; both files give its own scores, and the labels are the folders' names."""
    import keras

    found, pixels = exported_scores(own, name, tmp_path / "b")
    expected = keras.saving.load_model(own / f"{name}.keras").predict_on_batch(pixels)[:, 0]
    for scores in found:
        np.testing.assert_allclose(scores[:, 1], expected, atol=1e-5)
    bundle = read_bundle(tmp_path / "b")
    assert bundle.labels == ("hund", "katze")
    assert f"\nKeras model {name}, data " in (tmp_path / "b" / "report.md").read_text()
    assert (bundle.preprocessing.width, bundle.preprocessing.height) == (32, 32)


@pytest.mark.parametrize("name", ["bare", "one", "branching"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_a_model_of_ones_own_with_a_stated_range(own, tmp_path, name, low, high):
    """With an input range, files on 0-255 give the scores that the model gives pixels brought to that range."""
    import keras

    found, pixels = exported_scores(own, name, tmp_path / "b", input_range=(low, high))
    fed = pixels.astype(np.float32) / 255 * (high - low) + low
    expected = keras.saving.load_model(own / f"{name}.keras").predict_on_batch(fed)
    for scores in found:
        np.testing.assert_allclose(scores[:, -1], expected[:, -1], atol=1e-5)


def test_a_range_of_0_to_255_changes_nothing(own, tmp_path):
    """Stating that the model takes pixels as they are exports it as it is."""
    import keras

    found, pixels = exported_scores(own, "bare", tmp_path / "b", input_range=(0, 255))
    expected = keras.saving.load_model(own / "bare.keras").predict_on_batch(pixels.astype(np.float32))
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_a_model_without_rescaling_or_range_is_refused(own):
    """What it takes for black and white cannot be guessed, so the option is named."""
    with pytest.raises(SourceError, match=r"bare\.keras: .*Rescaling.*--input-range 0 1"):
        load_keras_model(own_source(own, "bare"))


@pytest.mark.parametrize("name", ["grey", "open"])
def test_a_model_of_another_input_is_refused(own, name):
    """One grey channel or an open size is said to be unsupported, with what was received."""
    with pytest.raises(SourceError, match=rf"{name}\.keras: expected .*height, width, 3.*received .*None"):
        input_size(own / f"{name}.keras")


def test_labels_that_do_not_match_the_outputs(own):
    """Three outputs over two folders of test pictures are refused, with both numbers."""
    with pytest.raises(SourceError, match=r"three\.keras: .*1 or 2 outputs for labels hund, katze, received .* 3"):
        load_keras_model(own_source(own, "three"))


def test_no_model_there(tmp_path):
    """A missing or damaged Keras file is named."""
    (tmp_path / "broken.keras").write_bytes(b"PK nothing")
    for name in ("missing", "broken"):
        with pytest.raises(SourceError, match=rf"{name}\.keras: Keras cannot load it"):
            input_size(tmp_path / f"{name}.keras")


def without_configuration(content):
    """Return a Keras file, a zip, without its `config.json`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(packed, "w") as left:
        for name in whole.namelist():
            if name != "config.json":
                left.writestr(name, whole.read(name))
    return packed.getvalue()


def with_a_flipped_bit(content):
    """Return a Keras file with one bit of its weights changed, which the checksum of the zip shows."""
    damaged = bytearray(content)
    damaged[content.index(b"\x89HDF") + 500] ^= 1
    return bytes(damaged)


@pytest.mark.parametrize("damage", [without_configuration, with_a_flipped_bit, lambda content: content[:-1000]])
def test_a_damaged_model_is_one_line(own, tmp_path, damage):
    """Whatever Keras raises on a damaged zip, the error is one line with the file and the remedy."""
    (tmp_path / "damaged.keras").write_bytes(damage((own / "one.keras").read_bytes()))
    with pytest.raises(SourceError, match=r"damaged\.keras: Keras cannot load it \(.*Train it again") as refused:
        input_size(tmp_path / "damaged.keras")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("units", "activation"),
    [(2, "linear"), (1, "linear"), (1, "tanh"), (2, "relu"), (3, "sigmoid"), (1, "softmax")],
)
def test_an_ending_without_shares_is_refused(own, tmp_path, units, activation):
    """Logits and independent sigmoids, right by their shape, are no scores: the file and the remedy are named."""
    import keras
    from keras import layers

    ending = layers.Dense(units, activation=activation)
    body = [layers.Rescaling(1 / 255), layers.GlobalAveragePooling2D(), ending]
    keras.Sequential([keras.Input((32, 32, 3)), *body]).save(tmp_path / "raw.keras")
    labels = ("a", "b", "c")[: max(2, units)]
    source = replace(own_source(own, "one"), model_path=tmp_path / "raw.keras", labels=labels)
    with pytest.raises(
        SourceError, match=rf"raw\.keras: expected scores .* received {units} outputs of {activation}\..*a softmax"
    ):
        load_keras_model(source)


@pytest.mark.parametrize("ending", ["an operation", "turned round", "scaled by one", "within a model"])
def test_other_endings_that_give_shares_are_taken(own, tmp_path, ending):
    """Scores from 0 to 1 that sum to 1 are right, whatever made them, and are the model's own."""
    import keras
    from keras import layers

    image = keras.Input((32, 32, 3))
    logits = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image)))
    scores = {
        "an operation": lambda: keras.ops.softmax(logits),
        "turned round": lambda: 1 - layers.Softmax()(logits),
        "scaled by one": lambda: layers.Rescaling(1.0)(layers.Softmax()(logits)),
        "within a model": lambda: keras.Sequential([layers.Dense(1, activation="sigmoid")])(logits),
    }[ending]()
    keras.Model(image, scores).save(tmp_path / "odd.keras")
    source = replace(own_source(own, "one"), model_path=tmp_path / "odd.keras")
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    expected = keras.saving.load_model(tmp_path / "odd.keras").predict_on_batch(pixels)
    found = keras_scores(load_keras_model(source), pixels)
    np.testing.assert_allclose(found[:, -expected.shape[1] :], expected, atol=1e-6)


def test_a_loaded_sequential_is_a_chain(own):
    """Loading a Sequential leaves old calls on its layers; it is made anew, so that its layers can be folded."""
    import keras

    source = own_source(own, "rescaling")
    model = load_keras_model(source)
    assert is_chain(model)
    pixels, _ = load_split_pictures(source.sides["test"], source.preprocessing)
    expected = keras.saving.load_model(source.model_path).predict_on_batch(pixels)
    np.testing.assert_allclose(keras_scores(model, pixels)[:, 1:], expected, atol=1e-6)


def test_a_test_file_that_is_no_picture_is_named(own, tmp_path):
    """It is called one of the test folder, with the remedy: nothing here was trained on it."""
    root = shutil.copytree(own / "test", tmp_path / "test")
    (root / "Hund" / "notes.txt").write_text("no picture")
    with pytest.raises(SourceError, match=r"notes\.txt: not a picture .*Take it out of the test folder"):
        read_keras_source(own / "one.keras", root, size=(32, 32))


def test_test_folders_that_hold_nothing(own, tmp_path):
    """No folder, one class, and classes without a picture each end in one error that names the folder."""
    (tmp_path / "one" / "cat").mkdir(parents=True)
    for folder, message in ((tmp_path / "none", "found 0"), (tmp_path / "one", "found 1")):
        with pytest.raises(SourceError, match=f"{folder.name}: expected a sub-folder .*{message}"):
            read_keras_source(own / "one.keras", folder, size=(32, 32))
    (tmp_path / "one" / "dog").mkdir()
    empty = read_keras_source(own / "one.keras", tmp_path / "one", size=(32, 32), input_range=(0, 1))
    with pytest.raises(SourceError, match=r"one: the test split is empty"):
        export(empty, tmp_path / "b", ExportPlan((target("tflite", "float32"),)), observer=Stages([]))


def test_the_command_line_exports_a_model_of_ones_own(own, tmp_path, capfd):
    """From a .keras file and two folders to a bundle, in one command."""
    options = ("--keras", own / "one.keras", "--test", own / "test", "--calibration", own / "train")
    code, out, _ = run_here(*options, "--input-range", 0, 1, *OPTIONS, bundles=tmp_path / "bundles", capfd=capfd)
    assert code == 0
    assert out.splitlines()[-1] == f"{tmp_path}/bundles/one/report.md"
    assert read_bundle(tmp_path / "bundles" / "one").name == "one"


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
@pytest.mark.parametrize("limit_bytes", [1_000_000, 30_000])
def test_no_space_left_is_one_clear_line(run_folder, tmp_path, capfd, format_, limit_bytes):
    """Where files cannot grow, the command ends with exit code 1, one error line and no trace of a bundle.

    A limit on the size of files stands for a full disk: the same call fails, with another number.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        options = ("--run", run_folder, "--format", format_, "--quantize", "none")
        code, out, lines = run_here(*options, bundles=tmp_path / "bundles", capfd=capfd)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, out) == (1, "")
    assert not any("Traceback" in line for line in lines)
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert re.search(r"bundles/small: cannot be written .* --bundles|no room in /\S+", lines[-1])
    assert {path.name for path in (tmp_path / "bundles").iterdir()} <= {"small.failed"}  # the converter's log


def run_here(*arguments, bundles, capfd) -> tuple[int, str, list[str]]:
    """Run the command in this process, where its libraries are loaded; return exit code and both outputs."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments), "--bundles", str(bundles)])
    out, err = capfd.readouterr()
    return left.value.code, out, err.splitlines()
