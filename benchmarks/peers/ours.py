"""catdog-edge in the same loop as its peers, with its own defaults.

Usage: python -m benchmarks.peers.ours BUNDLE BACKEND PRECISION, with a picture's path a line on standard input
Prints the scores of each as JSON.
"""

import json
import sys

from edge_runtime import Classifier


def main(folder, backend, precision):
    """Open the bundle once and answer every line."""
    classifier = Classifier.open(folder, backend, precision=precision)
    print("true", flush=True)
    for line in sys.stdin:
        print(json.dumps(list(classifier.classify(line.strip()).scores.values())), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
