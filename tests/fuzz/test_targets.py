"""A second or so of each fuzzer on the seed corpus: the same damages everywhere. `make fuzz` finds new ones."""

import json
from random import Random

import pytest

from edge_runtime.errors import BundleError
from tests.fuzz import seeds
from tests.fuzz.model_server import Ending, ModelServer
from tests.fuzz.mutation import AGAIN, mutated, mutated_json, overwritten
from tests.fuzz.targets import TARGETS, Target, refused

# Damages of each target: about a second of each on the machine of docs/measurements/fuzzing.md.
COUNTS = {"manifest": 1500, "run": 2000, "splits": 2000, "history": 2000, "report": 20, "picture": 4000}
MODELS = 25


@pytest.mark.parametrize("name", TARGETS)
def test_whole_files_are_accepted(name: str) -> None:
    """Proves that every seed is a file as catdog writes it, so that the damages begin at something whole."""
    target = TARGETS[name]
    assert all(target.run(content) for content in target.seeds().values())


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files(name: str) -> None:
    """Proves that a damaged file is accepted and understood, or refused in one plain line; both happen."""
    target = TARGETS[name]
    files = target.seeds()
    answers = set()
    for number in range(COUNTS[name]):
        random = Random(f"{name} {number}")
        answers.add(target.run(target.mutate(files[random.choice(sorted(files))], random)))
    assert answers == {True, False}


# What the fuzzers have found, as small as it gets: the seed, the text to replace, and the new text.
FOUND = {
    "a label that clears the terminal": ("manifest", '"dog"', '"\\u001b[2J"'),
    "a label that turns the direction of writing": ("manifest", '"dog"', '"\\u202e"'),
    "an unknown key with a control character": ("manifest", '"name": "pets"', '"name": "pets", "\\u001b": 1'),
    "a key that stands twice": ("manifest", '"name": "pets"', '"name": "pets", "name": "cats"'),
    "a number that is none": ("manifest", '"seed": 1', '"seed": NaN'),
    "a number that is too large": ("manifest", '"seed": 1', '"seed": 1e999'),
    "a version of 5,000 characters": ("manifest", '"schema_version": 3', f'"schema_version": "{"x" * 5000}"'),
    "preprocessing of 5,000 characters": ("run", '"version": 1', f'"versions": "{"x" * 5000}"'),
    "a preprocessing key with a control character": ("run", '"width": 16', '"width": 16, "\\u001b": 1'),
    "a label with a line break": ("run", '"dog"', '"\\n"'),
    "a picture's path of 5,000 characters": ("splits", '"label": "cat"', f'"label": "{"x" * 5000}"'),
    "a key of a run that stands twice": ("history", '"loss": 0.7', '"loss": 0.7, "loss": 0.1'),
    "a stage that is missing": ("report", '"decode"', '"decoded"'),
    "a difference that is a list": ("report", '"difference": ', '"difference": [], "was": '),
    "a condition with a line break": ("report", '"own_s"', '"own\\ns"'),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_the_fuzzers_found(what: str) -> None:
    """Proves that each finding of the past is refused in one plain line."""
    name, old, new = FOUND[what]
    content = next(iter(TARGETS[name].seeds().values())).decode()
    assert old in content
    assert not TARGETS[name].run(content.replace(old, new).encode())


def test_misbehaviour_is_noticed() -> None:
    """Proves that a reader which lets an error through, or says it badly, does not pass for one that refuses."""
    with pytest.raises(AssertionError, match="not one plain line"):
        refused(BundleError("two\nlines"))
    with pytest.raises(AssertionError, match="3,000 characters"):
        refused(BundleError("x" * 3000))
    with pytest.raises(ZeroDivisionError):
        Target(dict, lambda content: bool(1 // len(content)), mutated, ()).run(b"")


def test_damages_repeat_and_differ() -> None:
    """Proves that the same seed gives the same damage, other seeds others, and that most texts stay JSON."""
    content = seeds.manifests()["whole"]
    for mutate in (mutated, mutated_json, overwritten):
        made = [mutate(content, Random(number)) for number in range(100)]
        assert made == [mutate(content, Random(number)) for number in range(100)]
        assert len(set(made)) > 80
    assert not any(AGAIN in json.dumps(json.loads(mutated_json(content, Random(number)))) for number in range(100))


def test_damaged_model_files(tflite_float32: bytes) -> None:
    """Proves that a damaged model file with the right hash gives an answer or one line, or kills only its child."""
    pytest.importorskip("onnx", reason="onnx writes the ONNX file of this test")
    files = {"float32.tflite": tflite_float32, "float32.onnx": seeds.onnx_file()}
    server = ModelServer()
    try:
        assert {server.open(name, content) for name, content in files.items()} == {Ending.ANSWERED}
        endings = set()
        for number in range(MODELS):
            random = Random(f"model {number}")
            name = random.choice(sorted(files))
            endings.add(server.open(name, overwritten(files[name], random)))
    finally:
        server.close()
    assert Ending.REFUSED in endings
    assert Ending.MISBEHAVED not in endings
