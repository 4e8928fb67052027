"""One configuration in a process: `python -m benchmarks.run.worker BUNDLE PRECISION RUNTIME THREADS PICTURE`.

It imports what `catdog-edge` imports and nothing else, so that its memory is that of a device. The first line it
writes tells of the start; then it answers the path of a picture, as a JSON string, with the milliseconds of each
stage, and `memory` with MiB.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def main(bundle: str, precision: str, runtime: str, threads: str, picture: str) -> None:
    """Open the file, classify `picture`, and answer what is asked."""
    start = time.perf_counter()
    from benchmarks.run.memory import memory_mib
    from edge_runtime.backends import BACKENDS
    from edge_runtime.classifier import Classifier
    from edge_runtime.errors import CatdogError

    try:
        import_module(f"edge_runtime.backends.{BACKENDS[runtime].module}")
        imported = time.perf_counter()
        classifier = Classifier.open(Path(bundle), runtime, precision=precision, threads=int(threads))
        opened = time.perf_counter()
    except (CatdogError, ImportError) as error:
        sys.exit(" ".join(str(error).split()))  # one line, which the parent reads

    def times_ms(path: str) -> list[float]:
        found = classifier.classify(path)
        return [found.decode_ms, found.preprocess_ms, found.inference_ms]

    first = times_ms(picture)
    start_times = {"import_ms": (imported - start) * 1e3, "load_ms": (opened - imported) * 1e3}
    print(json.dumps(start_times | {"first_inference_ms": first[2]}), flush=True)
    for line in sys.stdin:
        request = line.rstrip("\n")
        if request == "memory":
            answer: object = {"steady_mib": memory_mib(), "peak_mib": memory_mib("VmHWM")}
        else:
            answer = times_ms(json.loads(request))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
