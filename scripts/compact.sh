#!/bin/sh
# Train the teacher, train the network that ships twice, and export it: sh scripts/compact.sh DATA NEGATIVES
# A training that was stopped goes on. A finished one is not repeated.
# Results: runs/wide, runs/compact-1, runs/compact, bundles/compact.
set -eu
data=$1 negatives=$2

train() { # NAME RECIPE [OPTION...]
    name=$1 recipe=$2
    shift 2
    if [ -d "runs/$name" ]; then
        return
    elif [ -d "runs/.$name.partial" ]; then
        catdog-train --resume --name "$name"
    else
        catdog-train --config "$recipe" --data "$data" --negatives "$negatives" --name "$name" "$@"
    fi
}

train wide trainer/recipes/wide.toml
train compact-1 trainer/recipes/compact.toml --teacher runs/wide
train compact trainer/recipes/compact-refine.toml --start runs/compact-1 --teacher runs/compact-1
catdog-export --run runs/compact --quantize all
