"""The examples of README and docs: found in the pages, run in a scratch folder, and compared with what they say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (not run|slow|photographs|file|output)(?:: (.*?))? -->\n+\Z")
_TIMEOUT_S = 300
_SHARE_OFF, _PERCENT_OFF = 0.03, 3.0  # what another processor may round differently, as the self-test allows

# What differs from run to run and from machine to machine, and what stands for it.
_MASKS = [
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+"), "TIME"),
    (re.compile(r"\S*edge_runtime/pretrained"), "PRETRAINED"),
    (re.compile(r"\S*model\.int8\.\w+ with [\w-]+"), "FILE with BACKEND"),
    (re.compile(r"(?<=score )\S+(?= on)"), "#"),
    (re.compile(r"[\d.,]+ (ms|s|fps|a second)\b"), r"# \1"),
    (re.compile(r'("\w+_ms"|"fps"): [\d.]+'), r"\1: #"),
    (re.compile(r"(true|false),,[\d.]+,[\d.]+,[\d.]+,"), r"\1,,#,#,#,"),
    (re.compile(r"^(ok +(?:Python|system|C library|processor|memory)): .*"), r"\1: #"),
    (re.compile(r" +"), " "),
]
_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(%?)")


@dataclass(frozen=True)
class Example:
    """A fenced block of a page.

    Args:
        page: the page's path from the root of the project.
        line: where the block begins, from 1.
        language: what stands after the fence.
        text: what the block holds.
        mark: word of the comment right before it, such as `not run`, or empty.
        reason: rest of that comment.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str
    reason: str

    @property
    def where(self) -> str:
        """Name the place for messages."""
        return f"{self.page}:{self.line}"

    def commands(self) -> list[tuple[str, str]]:
        """Return each command after `$ ` and the output that the page shows below it."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        pairs = [part.partition("\n") for part in parts]
        return [(command, output) for command, _, output in pairs]


def script(name: str) -> Any:
    """Return a module of scripts/."""
    spec = spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples(page: Path) -> list[Example]:
    """Return every fenced block of a page in order."""
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    found = []
    for match in _FENCE.finditer(text):
        mark = _MARK.search(text[: match.start()])
        word, reason = (mark.group(1), mark.group(2) or "") if mark else ("", "")
        line = text.count("\n", 0, match.start()) + 1
        found.append(Example(name, line, match.group(1), match.group(2), word, reason))
    return found


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run a command line in a folder as a reader would; return its exit code and what the terminal shows."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, text=True, timeout=_TIMEOUT_S, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def difference(said: str, printed: str, *, figures: bool = True) -> str:
    """Return the first line where the output is not what the page says, or nothing.

    Args:
        said: the page's output. A line of `...` stands for any lines.
        printed: the output of the run.
        figures: whether numbers must agree too, up to the rounding of another processor.
    """
    wanted, got = _lines(said), _lines(printed)
    for group in _groups(wanted):
        at = _find(group, got, figures) if group.floating else 0
        lines = zip_longest(group.lines, got[at : at + len(group.lines)], fillvalue="")
        for want, have in lines:
            if not _same(want, have, figures):
                return f"the page says {want!r}, the program {have!r}"
        got = got[at + len(group.lines) :]
    return f"the page leaves out {got[0]!r}" if got and (not wanted or wanted[-1] != "...") else ""


@dataclass(frozen=True)
class _Group:
    """Lines of a page that follow each other, and whether any lines may come before them."""

    lines: list[str]
    floating: bool


def _groups(lines: list[str]) -> Iterator[_Group]:
    floating, group = False, list[str]()
    for line in [*lines, "..."]:
        if line != "...":
            group.append(line)
            continue
        if group:
            yield _Group(group, floating)
        floating, group = True, []


def _find(group: _Group, got: list[str], figures: bool) -> int:
    """Return where a group stands in the output, or else its first line; 0 if nowhere, where it is missed."""
    starts = [at for at, line in enumerate(got) if _same(group.lines[0], line, figures)]
    for at in starts:
        lines = got[at : at + len(group.lines)]
        if len(lines) == len(group.lines) and all(map(_same, group.lines, lines, [figures] * len(lines))):
            return at
    return starts[0] if starts else 0


def _lines(text: str) -> list[str]:
    for mask, instead in _MASKS:
        text = mask.sub(instead, text) if "^" not in mask.pattern else "\n".join(
            mask.sub(instead, line) for line in text.split("\n")
        )  # fmt: skip
    return [line.strip() for line in text.strip().split("\n")] if text.strip() else []


def _same(want: str, have: str, figures: bool) -> bool:
    if want.endswith(" ..."):  # the page leaves the rest of the line out
        want = want.removesuffix(" ...")
        have = have[: len(want)]
    if _NUMBER.sub(r"#\2", want) != _NUMBER.sub(r"#\2", have):
        return False
    pairs = zip(_NUMBER.findall(want), _NUMBER.findall(have), strict=True)
    return not figures or all(_close(a, b) for a, b in pairs)


def _close(want: tuple[str, str], have: tuple[str, str]) -> bool:
    if want[1]:
        return abs(float(want[0]) - float(have[0])) <= _PERCENT_OFF
    if "." in want[0]:
        return abs(float(want[0]) - float(have[0])) <= _SHARE_OFF
    return want == have
