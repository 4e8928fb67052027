"""What `make audit` says of what pip-audit found, and of what it could not look up."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/audit.py"
CLEAN = {"name": "click", "version": "8.5.1", "vulns": []}
BAD = {"name": "h11", "version": "0.1", "vulns": [{"id": "CVE-1", "fix_versions": ["0.2"]}]}
UNKNOWN = {"name": "own", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        ({"dependencies": [CLEAN, UNKNOWN]}, 0, "1 of 2 packages looked up, 0 known vulnerabilities"),
        ({"dependencies": [CLEAN, BAD]}, 1, "h11 0.1: CVE-1, fixed in 0.2"),
        ({"dependencies": [UNKNOWN, UNKNOWN]}, 0, "skipped: its service knows none of the 2 packages"),
        ("no network", 0, "skipped: its service cannot be reached"),
    ],
)
def test_answers(tmp_path: Path, found: Any, code: int, words: str) -> None:
    """Proves that a vulnerability fails, and that packages which were not looked up do not pass for clean ones."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{found if isinstance(found, str) else json.dumps(found)}\nEND\n")
    tool.chmod(0o755)
    command = [sys.executable, str(SCRIPT), str(tool), "constraints-hashed.txt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stdout
