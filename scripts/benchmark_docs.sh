#!/bin/sh
# Makes docs/benchmark/ anew: the report without photographs, the peers, and screenshots. On a quiet machine.
# Usage: sh scripts/benchmark_docs.sh BUNDLE DATA RUN    (from the root; PYTHON=.venv/bin/python by default)
set -eu
PYTHON=${PYTHON:-.venv/bin/python}
OUT=docs/benchmark
"$PYTHON" -m benchmarks.cli run --bundle "$1" --data "$2" --out "$OUT" --without-photographs
"$PYTHON" -m benchmarks.cli recommend "$OUT"
peers=$(mktemp)
trap 'rm -f "$peers"' EXIT
"$PYTHON" -m benchmarks.cli peers --bundle "$1" --data "$2" --run "$3" > "$peers"
{
    echo "# The same model and pictures through what a user would write instead"
    echo
    echo "Medians of one interleaved run of \`catdog-bench peers\`, each with its own defaults: a picture in a process that"
    echo "goes on, and a whole process for one picture. Ratios to catdog-edge with the same backend (Keras and"
    echo "label_image: with LiteRT), of the rounds in pairs, with 95 % intervals. Accuracy is on the timed pictures alone."
    echo "Between two turns ONNX Runtime's threads sleep in catdog-edge, and must wake; in the plain script they spin, which"
    echo "takes the cores from whatever else runs. Without pauses both take the same time (docs/edge-performance.md)."
    echo
    cat "$peers"
} > "$OUT/peers.md"
"$PYTHON" -m benchmarks.report.browser "$OUT/report.html" "$OUT"
