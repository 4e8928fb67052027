#!/bin/sh
# Train, export, classify and measure with drawn pictures, in demo/.
set -eu
mkdir -p demo && cd demo
rm -rf runs/demo runs/.demo.partial bundles/demo reports/demo

echo "== 1. draw cats and dogs, train the report network on them"
catdog-train --data sample --epochs 6 --batch-size 16 --name demo
echo "== 2. export to TFLite and ONNX, float32 and int8, and check each against Keras"
# 160 test pictures cannot show a drop of one point, so five are allowed. Exit code 4: too few pictures to tell.
catdog-export --run runs/demo --max-drop 0.05 || [ $? -eq 4 ]
echo "== 3. classify pictures with the int8 file"
catdog-edge classify --bundle bundles/demo data/sample/Cat/000[0-3].jpg data/sample/Dog/000[0-3].jpg
echo "== 4. measure every file on this machine"
catdog-bench run --bundle bundles/demo --data data/sample --out reports/demo --rounds 100
catdog-bench recommend reports/demo || [ $? -eq 4 ]

echo
echo "run folder:  demo/runs/demo      (report.md: learning curves, confusion matrix, mistakes)"
echo "bundle:      demo/bundles/demo   (report.md: drift of each file from Keras)"
echo "report:      demo/reports/demo   (report.html: which file to ship on this machine)"
echo "The commands after next: work in demo/, so type first: cd demo"
echo "These are drawings: no figure above says anything about accuracy on photographs."
