"""The command behind `make fuzz`: run the coverage-guided fuzzer atheris on each target, and write what it did.

    python -m tests.fuzz.fuzz --seconds 60 [--target manifest] [--page docs/measurements/fuzzing.md]

Each target runs in a process of its own, which ends at the first input that misbehaves; the input is kept in
`.cache/fuzz/findings/`. The corpus of each target grows in `.cache/fuzz/corpus/`. Model files are damaged without
guidance by coverage, since their readers are native libraries without instrumentation.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/fuzz"
MOST_BYTES = 50_000
SLOWEST_S, MOST_MIB = 10, 3000
GUIDED = ("manifest", "run", "splits", "history", "report", "picture")
MODELS = "model"


def main() -> None:
    """Run the targets one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="length of the run of each target")
    parser.add_argument("--target", choices=(*GUIDED, MODELS), action="append", help="may be given several times")
    parser.add_argument("--page", type=Path, help="Markdown page to write, from this and earlier runs")
    parser.add_argument("--child", choices=("fuzz", "lines"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    targets = tuple(options.target or (*GUIDED, MODELS))
    if options.child:
        {"fuzz": _fuzz, "lines": _print_lines}[options.child](targets[0], options.seconds)
        return
    found = [_models(options.seconds) if name == MODELS else _guided(name, options.seconds) for name in targets]
    if options.page:
        from tests.fuzz.page import write_page

        write_page(options.page, CACHE)
    sys.exit(any(result["findings"] for result in found))


def _guided(name: str, seconds: int) -> dict[str, Any]:
    """Run one target in a child; return and keep its figures."""
    start_s = time.monotonic()
    done = _child("fuzz", name, seconds)
    text = (done.stdout + done.stderr).decode(errors="replace")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / f"{name}.log").write_text(text, encoding="utf-8")
    counts = re.findall(r"#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)", text)
    executed = re.findall(r"stat::number_of_executed_units: (\d+)", text)
    findings = [_last_lines(text)] if done.returncode else []
    _, edges, _, corpus = counts[-1] if counts else ("0",) * 4
    reached = json.loads(_child("lines", name, seconds).stdout)
    return _kept(
        name,
        {
            "seconds": round(time.monotonic() - start_s),
            "executions": int(executed[-1]) if executed else 0,
            "edges": int(edges),
            "inputs": int(corpus),
            "lines": reached,
            "findings": findings,
        },
    )


def _child(job: str, name: str, seconds: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tests.fuzz.fuzz", "--child", job, "--target", name, "--seconds", str(seconds)]
    environment = os.environ | {"PYTHONPATH": "."}
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, env=environment)


def _last_lines(text: str) -> str:
    """Return what the fuzzer says of the input that ended it: the exception, or a limit of time or memory."""
    _, _, raised = text.partition("=== Uncaught Python exception: ===\n")
    limits = re.findall(r"ERROR: libFuzzer: (.*)", text)
    return (raised.partition("Traceback")[0] or "; ".join(limits)).strip()[:500]


def _fuzz(name: str, seconds: int) -> None:
    """Fuzz one target with atheris until the time is over, which ends the process."""
    import atheris

    with atheris.instrument_imports(include=["edge_runtime", "benchmarks"]):
        from tests.fuzz.targets import TARGETS

        target = TARGETS[name]
        for content in target.seeds().values():
            target.run(content)  # imports what it needs

    corpus, findings = CACHE / "corpus" / name, CACHE / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for seed, content in target.seeds().items():
        (corpus / f"seed-{seed}").write_bytes(content)

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            return atheris.Mutate(content, most)[:most]
        return target.mutate(content, random)[:most]

    options = {"max_total_time": seconds, "max_len": MOST_BYTES, "timeout": SLOWEST_S, "rss_limit_mb": MOST_MIB}
    flags = [f"-{key}={value}" for key, value in options.items()]
    flags += ["-print_final_stats=1", f"-artifact_prefix={findings}/{name}-", str(corpus)]
    atheris.Setup([sys.argv[0], *flags], target.run, custom_mutator=mutate)
    atheris.Fuzz()


def _print_lines(name: str, _: int) -> None:
    """Print how many lines of each module of a target its corpus reaches, without the fuzzer's instrumentation."""
    reached: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith((f"{ROOT}/edge_runtime", f"{ROOT}/benchmarks")):
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    for path in sorted((CACHE / "corpus" / name).iterdir()):
        try:
            target.run(path.read_bytes())
        except Exception as error:
            sys.stderr.write(f"{path}: {type(error).__name__}: {error}\n")
    sys.settrace(None)
    found = {}
    for path in _python_files(target.modules):
        lines = _lines(compile(path.read_bytes(), str(path), "exec"))
        found[str(path.relative_to(ROOT))] = [sum((str(path), line) in reached for line in lines), len(lines)]
    sys.stdout.write(json.dumps(found))


def _python_files(modules: tuple[str, ...]) -> Iterator[Path]:
    for module in modules:
        path = ROOT / module
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)


def _lines(code: CodeType) -> set[int]:
    """Return the lines that hold code; those of a definition count where its body does."""
    inner = [_lines(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    own = {line for _, _, line in code.co_lines() if line}
    if code.co_name != "<module>":
        own.discard(code.co_firstlineno)
    return own.union(*inner)


def _models(seconds: int) -> dict[str, Any]:
    """Open damaged model files for some seconds; return and keep how they ended."""
    from tests.fuzz.model_server import Ending, ModelServer
    from tests.fuzz.mutation import mutated, overwritten
    from tests.fuzz.seeds import models

    files = models()
    findings_folder = CACHE / "findings"
    findings_folder.mkdir(parents=True, exist_ok=True)
    endings: collections.Counter[str] = collections.Counter()
    with (CACHE / "models.log").open("wb") as log:
        server = ModelServer(log.fileno())
        end_s, number = time.monotonic() + seconds, 0
        while time.monotonic() < end_s:
            random = Random(f"model {number}")
            number += 1
            name = random.choice(sorted(files))
            content = (mutated if random.random() < 0.1 else overwritten)(files[name], random)
            ending = server.open(name, content)
            endings[f"{name} {ending.name.lower()}"] += 1
            if ending in (Ending.KILLED, Ending.OVERTIME, Ending.MISBEHAVED):
                (findings_folder / f"model-{ending.name.lower()}-{number}-{name}").write_bytes(content)
        server.close()
    bad = [f"{count} x {ending}" for ending, count in endings.items() if ending.endswith("misbehaved")]
    figures = {"seconds": seconds, "executions": number, "endings": dict(sorted(endings.items())), "findings": bad}
    return _kept(MODELS, figures)


def _kept(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Write the figures of a run beside the corpus, print them, and return them."""
    libraries = ("atheris", "pillow", "ai-edge-litert", "onnxruntime")
    figures |= {
        "python": platform.python_version(),
        "versions": {library: version(library) for library in libraries},
    }
    (CACHE / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    shown = {key: value for key, value in figures.items() if key not in ("python", "versions")}
    print(f"{name}: {json.dumps(shown)}", flush=True)
    return figures


if __name__ == "__main__":
    main()
