"""The hostile folders, model files and names of `hostile_input.py`, each with the command that meets it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hostile_makers import (
    BENCH,
    ESCAPES,
    bomb,
    crashing,
    endless,
    garbage_beside,
    has_temporary,
    hostile_benchmark,
    hostile_export,
    hostile_run,
    in_the_way,
    interrupted,
    kept,
    left,
    mark,
    met,
    odd_bundle,
    odd_names,
    odd_report,
    other_format,
    plain,
    ran,
    raw,
    report_of,
    sparse,
    text_of,
    weights_elsewhere,
    with_trap,
)

from edge_runtime.bundle.folder import PRETRAINED


class Case(NamedTuple):
    """A hostile thing and the command that meets it.

    Attributes:
        item: the table that it belongs to.
        what: what was tried, for people.
        make: writes it into a new folder, and returns the command to run there.
        test: the test that holds the outcome.
        look: says what happened beyond the command's words, or nothing.
        folder: a folder that it shares with other cases, which run before it.
        ulimit: a line of the shell before the command, such as `ulimit`.
        signal_s: SIGTERM is sent after so many seconds; 0 for never.
        ready: says whether the command has come so far that the signal may be sent.
        longest_s: the command is ended after so many seconds.
    """

    item: str
    what: str
    make: Callable[[Path], list[str]]
    test: str
    look: Callable[[Path, str], str] = lambda folder, text: ""
    folder: str = ""
    ulimit: str = ""
    signal_s: float = 0
    ready: Callable[[Path], bool] = lambda folder: True
    longest_s: float = 60


PICTURES = str(PRETRAINED / "selftest")
TRAIN = ("catdog-train", "--data", "data", "--image-size", "32", "--epochs", "1", "--name", "run")
RUN = ("catdog-bench", "run", "--data", "data", *BENCH)


_NAMES = "tests/contract/test_names.py"
_SELFTEST = "tests/edge_runtime/commands/test_selftest.py"
_INFO = "tests/edge_runtime/commands/test_info.py"
_JSON = "tests/edge_runtime/test_strict_json.py"
_SAFE = "tests/contract/test_safe_path.py"
_LIMITS = "tests/contract/test_small_limits.py"
_BOUNDED = "tests/benchmarks/run/test_pictures.py"
_CACHE = "tests/trainer/data/test_cache.py"
EDGE, BENCHMARK = "catdog-edge", "catdog-bench"

CASES = {
    "bench-out": Case("loses", "`catdog-bench run --out keep`, a user's folder",
                      in_the_way(BENCHMARK, "run", "--data", PICTURES, *BENCH[:-1], "keep"),
                      "tests/benchmarks/commands/test_run.py", kept),
    "train-names": Case(
        "scripts", "class folder `<img onerror>`: `catdog-train`, its `report.md`", hostile_run, _NAMES,
        ran("runs/run/report.md"), folder="scripts", longest_s=180),
    "export-names": Case(
        "scripts", "the same and such a `--name`: `catdog-export`, page and model card", hostile_export, _NAMES,
        ran("bundles/*/report.html", "bundles/*/MODEL_CARD.md"), folder="scripts", longest_s=240),
    "export-out": Case(
        "loses", "`catdog-export --bundles . --name keep`, a user's folder",
        in_the_way("catdog-export", "--run", "runs/run", "--bundles", ".", "--name", "keep", "--max-drop", "1"),
        "tests/exporter/test_bundle_folder.py", kept, folder="scripts", longest_s=240),
    "bench-names": Case(
        "scripts", "scripts as name, label and picture: `catdog-bench run`, its page", hostile_benchmark, _NAMES,
        ran("report/report.html"), longest_s=120),
    "crash-selftest": Case("models", "damaged TFLite file, hash put right: `selftest`",
                           crashing(EDGE, "selftest"), _SELFTEST),
    "crash-info": Case("models", "the same: `info`", crashing(EDGE, "info"), _INFO),
    "crash-classify": Case("models", "the same: `classify`",
                           crashing(EDGE, "classify", "a.jpg"), _INFO),
    "endless-selftest": Case("models", "endless loop in ONNX: `selftest`", endless(EDGE, "selftest"), _SELFTEST,
                             longest_s=150),
    "elsewhere": Case("models", "ONNX with weights in the current folder: `classify`", weights_elsewhere,
                      "tests/edge_runtime/backends/test_external_data.py"),
    "garbage": Case("models", "second int8 ONNX file of zeros: `selftest`", garbage_beside, _SELFTEST),
    "format": Case("models", "TFLite file called ONNX: `selftest`", other_format, _SELFTEST),
    "twice": Case("models", "a key twice in the manifest: `info`",
                  text_of(lambda text: text.replace("{", '{"name": "other", ', 1)), _JSON),
    "nan": Case("models", "NaN in the manifest: `info`",
                text_of(lambda text: text.replace('"training": {', '"training": {"a": NaN, ', 1)), _JSON),
    "digits": Case("models", "number of 5,000 digits in the manifest: `info`",
                   text_of(lambda text: text.replace('"training": {', '"training": {"a": %s, ' % ("9" * 5000), 1)),
                   _JSON),
    "sparse-manifest": Case("models", "sparse manifest of 3 GiB: `info`", sparse("manifest.json", 3 * 2**30),
                            "tests/edge_runtime/bundle/test_folder.py"),
    "sparse-model": Case("models", "sparse model file of 3 GiB: `info`", sparse("model.int8.onnx", 3 * 2**30),
                         "tests/edge_runtime/bundle/test_folder.py"),
    "doctor-here": Case("folder", "`numpy.py` in the current folder: `doctor`",
                        with_trap([EDGE, "doctor"], "numpy.py"), _SAFE, mark),
    "bench-here": Case("folder", "`json.py` in the current folder: `catdog-bench run`",
                       with_trap([BENCHMARK, "run", "--data", PICTURES, *BENCH], "json.py"), _SAFE, mark),
    "bench-package": Case("folder", "a user's own package `benchmarks`: `catdog-bench run`",
                          with_trap([BENCHMARK, "run", "--data", PICTURES, *BENCH], "benchmarks/__init__.py"),
                          _SAFE, mark),
    "names-classify": Case("terminal", "escape sequence, line break, turned text in a picture's name: `classify`",
                           odd_names(EDGE, "classify"), _NAMES, raw),
    "names-bundle": Case("terminal", "the same in a bundle's name: `info`", odd_bundle(name=ESCAPES), _NAMES, raw),
    "names-label": Case("terminal", "the same in a label: `info`",
                        odd_bundle(labels=[ESCAPES, "dog", "neither"]), _NAMES, raw),
    "names-report": Case("terminal", "the same in a `report.json`: `recommend`", odd_report, _NAMES, raw),
    "bench-pipe": Case("breaks", "pipe `x.jpg`: `catdog-bench run`", met("pipe", *RUN), _BOUNDED),
    "bench-device": Case("breaks", "link to `/dev/zero`: `catdog-bench run`", met("device", *RUN), _BOUNDED),
    "bench-sparse": Case("breaks", "sparse picture of 3 GiB: `catdog-bench run`", met("sparse", *RUN), _BOUNDED),
    "bench-line": Case("breaks", "line break in a picture's name: `catdog-bench run`", met("line", *RUN), _BOUNDED),
    "train-pipe": Case("breaks", "pipe `x.jpg`: `catdog-train`", met("pipe", *TRAIN), _CACHE),
    "train-sparse": Case("breaks", "sparse picture of 3 GiB: `catdog-train`", met("sparse", *TRAIN), _CACHE),
    "bomb": Case("breaks", "`.keras` of 1 MB that unpacks to 1 GB: `catdog-export`", bomb,
                 "tests/edge_runtime/test_keras_file.py", longest_s=150),
    "report-deep": Case("breaks", "`report.json` of 100,000 brackets: `recommend`", report_of("[" * 100_000),
                        "tests/benchmarks/run/test_record.py"),
    "sigterm": Case("breaks", "SIGTERM while `catdog-bench run` measures", interrupted,
                    "tests/benchmarks/commands/test_run.py", left, signal_s=6, ready=has_temporary),
    "memory-classify": Case("breaks", "`ulimit -v 90000`: `classify`", plain(EDGE, "classify", "a.jpg"), _LIMITS,
                            ulimit="ulimit -v 90000"),
    "memory-watch": Case("breaks", "`ulimit -v 140000`: `watch`", plain(EDGE, "watch", "a.jpg"), _LIMITS,
                         ulimit="ulimit -v 140000"),
    "memory-bench": Case("breaks", "`ulimit -v 400000`: `catdog-bench run`", plain(*RUN), _LIMITS,
                         ulimit="ulimit -v 400000"),
    "memory-train": Case("breaks", "`ulimit -v 400000`: `catdog-train`", plain(*TRAIN), _LIMITS,
                         ulimit="ulimit -v 400000"),
    "files-classify": Case("breaks", "`ulimit -n 5`: `classify`", plain(EDGE, "classify", "a.jpg"), _LIMITS,
                           ulimit="ulimit -n 5"),
    "size-train": Case("breaks", "`ulimit -f 100`: `catdog-train`", plain(*TRAIN), _LIMITS, ulimit="ulimit -f 100"),
}  # fmt: skip
