"""Measure what hostile folders, model files and names do: the tables of docs/measurements/hostile-input.md.

python scripts/hostile_input.py before FOLDER [CASE ...]  # FOLDER/.venv/bin has the commands of another version
python scripts/hostile_input.py after FOLDER [CASE ...]
python scripts/hostile_input.py page

The cases are in `hostile_cases.py`.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/measurements/hostile-input.md"
MEASURED = ROOT / "docs/measurements/hostile-input.json"
SECONDS, ADDRESS_GIB = 60, 12
# A process of its own, as small as can be: a new process counts the memory of the one that started it as its own.
# It leaves no command of the case the memory of the machine.
LAUNCHER = f"""
import os, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESS_GIB} * 2**30,) * 2)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
start = time.perf_counter()
child = os.fork()
if not child:
    os.setsid()
    null, output = os.open(os.devnull, os.O_RDONLY), os.open(".output", os.O_WRONLY | os.O_CREAT)
    for number, descriptor in enumerate((null, output, output)):
        os.dup2(descriptor, number)
    os.execv(sys.argv[1] if "/" in sys.argv[1] else "/bin/" + sys.argv[1], sys.argv[1:])
open(".pid", "w").write(str(child))
_, status, usage = os.wait4(child, 0)
found = [os.waitstatus_to_exitcode(status), time.perf_counter() - start, usage.ru_maxrss / 1024]
open(".figures", "w").write(str(found))
"""
HEADER = """| what was tried | before | s | MiB | exit | after | s | MiB | exit | test |
| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | --- |"""
PLAIN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def measure(programs: Path, names: list[str]) -> dict[str, Any]:
    """Return what each case did with the commands in a folder."""
    from hostile_cases import CASES

    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, case in CASES.items():
            folder = Path(temporary, case.folder or name)
            folder.mkdir(exist_ok=True)
            if names and name not in names:
                continue
            command = case.make(folder)
            results[name] = run(programs, folder, command, case)
            print(name, results[name], file=sys.stderr)
    return results


def run(programs: Path, folder: Path, command: list[str], case: Any) -> dict[str, Any]:
    """Run a command in a folder, and return its outcome, seconds, peak MiB and exit code."""
    line = [str(programs.absolute() / command[0]), *command[1:]]
    if case.ulimit:
        line = ["sh", "-c", f"{case.ulimit}; exec {shlex.join(line)}"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"TMPDIR": str(folder / "temporary")} if (folder / "temporary").exists() else {}
    start = time.perf_counter()
    launcher = subprocess.Popen([sys.executable, "-I", "-S", "-c", LAUNCHER, *line], cwd=folder, env=environment)
    stopped, signalled = False, not case.signal_s
    while launcher.poll() is None:
        elapsed = time.perf_counter() - start
        if not signalled and elapsed > case.signal_s and case.ready(folder):
            os.kill(int((folder / ".pid").read_text()), signal.SIGTERM)
            signalled = True
        if elapsed > case.longest_s and not stopped:
            os.killpg(int((folder / ".pid").read_text()), signal.SIGKILL)
            stopped = True
        time.sleep(0.01)
    code, seconds, mib = json.loads((folder / ".figures").read_text())
    text = (folder / ".output").read_bytes().decode(errors="replace")
    outcome = "did not end" if stopped else words(text, code)
    seen = case.look(folder, text)
    return {
        "outcome": without_folders(f"{seen}; {outcome}" if seen and stopped else seen or outcome),
        "seconds": round(seconds, 2),
        "mib": round(mib),
        "exit": None if stopped else code,
    }


def without_folders(text: str) -> str:
    """Return a text in which absolute paths are names of files alone: those of this machine tell nothing."""
    return re.sub(r"(?<![\w.])/(?!dev/)(?:[\w.@+-]+/)+", "", text)


def words(text: str, code: int) -> str:
    """Return what the command said last, in a few words."""
    if code < 0:
        said = ", and says where" if "Fatal Python error" in text else "" if text.strip() else ", nothing said"
        return f"ended by {signal.Signals(-code).name}{said}"
    if "Traceback (most recent call last)" in text:
        return f"traceback: {text.strip().splitlines()[-1]}"
    lines = [line for line in text.splitlines() if line.strip()]
    if code == 0:
        return next((line for line in lines if line.endswith("checks passed")), "done")
    wrong = [line for line in lines if line.startswith(("error:", "Error:", "FAIL"))]
    return (wrong or [line for line in lines if not line.startswith("next:")] or ["nothing said"])[-1]


def table(item: str, measured: dict[str, Any]) -> str:
    """Return a row for each case of an item."""
    from hostile_cases import CASES

    rows = [HEADER]
    for name, case in CASES.items():
        before, after = (measured[when].get(name) for when in ("before", "after"))
        if case.item == item and before and after:
            rows.append(f"| {case.what} | {cells(before)} | {cells(after)} | `{case.test}` |")
    return "\n".join(rows)


def cells(result: dict[str, Any]) -> str:
    """Return the cells of one result."""
    said = PLAIN.sub("?", result["outcome"]).replace("|", "/").replace("<", "&lt;").replace("`", "'")
    said = said if len(said) <= 110 else f"{said[:107]}..."
    seconds = f"{result['seconds']:.1f}" if result["exit"] is not None else f"over {result['seconds']:.0f}"
    code = "" if result["exit"] is None else result["exit"]
    return f"{said} | {seconds} | {result['mib']:,} | {code}"


def write_page(measured: dict[str, Any]) -> None:
    """Put the tables between the marks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    for item in re.findall(r"<!-- table of ([\w-]+) -->", page):
        pattern = rf"(<!-- table of {item} -->\n).*?(<!-- end of table -->)"
        content = table(item, measured)
        page = re.sub(pattern, lambda found, content=content: f"{found[1]}{content}\n{found[2]}", page, flags=re.S)
    PAGE.write_text(page, encoding="utf-8")


def main() -> None:
    """Do what the command line says."""
    measured = json.loads(MEASURED.read_bytes()) if MEASURED.exists() else {"before": {}, "after": {}}
    if sys.argv[1] != "page":
        measured[sys.argv[1]] |= measure(Path(sys.argv[2], ".venv/bin"), sys.argv[3:])
        MEASURED.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if PAGE.exists():
        write_page(measured)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
