"""A process that answers every line with itself."""

import json
import os
import sys

print(json.dumps(os.getpid()), flush=True)
for line in sys.stdin:
    if line.strip() == "die":
        sys.exit("last words")
    print(json.dumps(line.strip()), flush=True)
