#!/bin/sh
# Make docs/measurements/benchmark/ anew: the report without photographs, the peers, and screenshots.
# Run it on a quiet machine, from the root of the project.
# Usage: sh scripts/benchmark_docs.sh BUNDLE DATA RUN    (PYTHON=.venv/bin/python by default)
set -eu
PYTHON=${PYTHON:-.venv/bin/python}
OUT=docs/measurements/benchmark
"$PYTHON" -m benchmarks.cli run --bundle "$1" --data "$2" --out "$OUT" --without-photographs
"$PYTHON" -m benchmarks.cli recommend "$OUT"
peers=$(mktemp)
trap 'rm -f "$peers"' EXIT
"$PYTHON" -m benchmarks.cli peers --bundle "$1" --data "$2" --run "$3" > "$peers"
{
    cat <<'EOF'
# The same model and pictures through what a user would write instead

This page is for readers who ask what `catdog-edge` costs or saves beside a plain script. At its end you know the
time of a picture and of a whole process for each.

- The figures are medians of one interleaved run of `catdog-bench peers`. Each program has its own defaults.
- "A picture" is a picture in a process that goes on. "Whole process" is a process for one picture.
- Ratios are to catdog-edge with the same backend (Keras and label_image: with LiteRT), of the rounds in pairs, with
  95 % intervals.
- Accuracy is on the timed pictures alone.
- Between two turns ONNX Runtime's threads sleep in catdog-edge, and must wake. In the plain script they spin; that
  takes the cores from whatever else runs. Without pauses both take the same time ([speed and
  memory](../edge-performance.md)).

EOF
    cat "$peers"
} > "$OUT/peers.md"
"$PYTHON" -m benchmarks.report.browser "$OUT/report.html" "$OUT"
# The documentation site makes a report.html of report.md.
mv "$OUT/report.html" "$OUT/page.html"
