"""Measure what pictures made to harm cost, and write docs/measurements/harmful-pictures.md.

python scripts/harmful_pictures.py before FOLDER    # another checkout of the project, to compare with
python scripts/harmful_pictures.py after            # this one
python scripts/harmful_pictures.py page
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/measurements/harmful-pictures.md"
MEASURED = ROOT / "docs/measurements/harmful-pictures.json"
SECONDS, ADDRESS_GIB = 60, 6

# Run in a process of its own: the folder of the project and the picture are its arguments.
CHILD = f"""
import json, resource, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from edge_runtime import PictureError, Preprocessing, load_picture

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

before = used()
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESS_GIB} * 2**30,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS} + 2, {SECONDS} + 3))
try:
    load_picture(sys.argv[2], Preprocessing())
    outcome = "read"
except PictureError as error:
    outcome = error.reason
seconds = used() - before
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({{"seconds": round(seconds, 3), "mib": round(peak), "outcome": outcome}}))
"""


def measure(folder: Path, names: list[str]) -> dict[str, Any]:
    """Return what the named harmful pictures, or all, cost the project in a folder."""
    from tests.edge_runtime.picture.harmful import HARMFUL

    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "picture.jpg")
        for name, harmful in HARMFUL.items():
            if names and name not in names:
                continue
            path.write_bytes(harmful.make(harmful.worst))
            results[name] = cost(folder, path) | {"size_bytes": path.stat().st_size}
            print(name, results[name], file=sys.stderr)
    return results


def cost(folder: Path, picture: Path) -> dict[str, Any]:
    """Return what decoding a picture in a process of its own costs."""
    command = [sys.executable, "-P", "-c", CHILD, str(folder.resolve()), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout:
        return {"seconds": SECONDS, "mib": None, "outcome": "stopped"}
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def table(measured: dict[str, Any]) -> str:
    """Return a row for each harmful picture that was measured on both sides."""
    from tests.edge_runtime.picture.harmful import HARMFUL

    rows = [
        "| picture | size | seconds before | after | MiB before | after | outcome now |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, harmful in HARMFUL.items():
        before, after = (measured[when].get(name) for when in ("before", "after"))
        if before is None or after is None:
            continue
        cells = [harmful.what, size(after["size_bytes"]), seconds(before), seconds(after), mib(before), mib(after)]
        rows.append(f"| {' | '.join([*cells, outcome(after['outcome'])])} |")
    return "\n".join(rows)


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    return f"{count:,} B" if count < 10_000 else f"{count / 1e6:.2f} MB"


def seconds(result: dict[str, Any]) -> str:
    """Return the seconds of a result, or the limit that it reached."""
    return f"over {SECONDS}" if result["outcome"] == "stopped" else f"{result['seconds']:.2f}"


def mib(result: dict[str, Any]) -> str:
    """Return the peak memory of a result where it came to its end."""
    return "not known" if result["mib"] is None else f"{result['mib']:,}"


def outcome(words: str) -> str:
    """Return the first clause of an outcome, as a table can hold it."""
    return words.partition(". ")[0].partition(": expected one of")[0].replace("|", "/")


def write_page(measured: dict[str, Any]) -> None:
    """Put the table between the marks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end of table -->")
    PAGE.write_text(f"{head}<!-- table -->\n{table(measured)}\n<!-- end of table -->{tail}", encoding="utf-8")


def main() -> None:
    """Do what the command line says."""
    results = measure(Path(sys.argv[2]), sys.argv[3:]) if sys.argv[1] != "page" else {}
    measured = json.loads(MEASURED.read_bytes()) if MEASURED.exists() else {"before": {}, "after": {}}
    if results:
        measured[sys.argv[1]] |= results
        MEASURED.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    write_page(measured)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
