"""One configuration in a process: `python -m benchmarks.run.worker BUNDLE FILE BACKEND THREADS PICTURE`.

The process imports only what `catdog-edge` imports, so that its memory is that of a device. It first prints the
times of its start. Then it reads lines. For the path of a picture, as a JSON string, it prints the milliseconds of
each stage, and for `memory` its memory in MiB.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def main(bundle: str, file: str, backend: str, threads: str, picture: str) -> None:
    """Open the file, classify `picture`, and answer each line of standard input."""
    from benchmarks.run.memory import memory_mib
    from edge_runtime.backends import BACKENDS
    from edge_runtime.backends.selection import open_file
    from edge_runtime.bundle import read_bundle
    from edge_runtime.classifier import Classifier
    from edge_runtime.errors import CatdogError

    try:
        import_module(BACKENDS[backend].module)
        start = time.perf_counter()
        opened = read_bundle(Path(bundle))
        selection = open_file(opened, opened.file(file), backend, int(threads))
        classifier = Classifier(opened, selection, threads=int(threads))
        load_ms = (time.perf_counter() - start) * 1e3
    except (CatdogError, ImportError) as error:
        sys.exit(" ".join(str(error).split()))  # one line, which the parent reads

    def times_ms(path: str) -> list[float]:
        found = classifier.classify(path)
        return [found.decode_ms, found.preprocess_ms, found.inference_ms]

    first = times_ms(picture)
    print(json.dumps({"load_ms": load_ms, "first_inference_ms": first[2]}), flush=True)
    for line in sys.stdin:
        request = line.rstrip("\n")
        if request == "memory":
            answer: object = {"steady_mib": memory_mib(), "peak_mib": memory_mib("VmHWM")}
        else:
            answer = times_ms(json.loads(request))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
