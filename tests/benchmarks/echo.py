"""A process that answers every line with itself, but for `die`, and `slow`, which takes half a second."""

import json
import os
import sys
import time

if sys.argv[1:2] == ["exit"]:
    sys.exit(int(sys.argv[2]))
print(json.dumps(os.getpid()), flush=True)
for line in sys.stdin:
    if line.strip() == "die":
        sys.exit("last words")
    if line.strip() == "slow":
        time.sleep(0.5)
    print(json.dumps(line.strip()), flush=True)
