"""Without its extra, a HEIC file is one line that says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.mark.parametrize("untrusted", [False, True])
def test_missing_extra_is_named(tmp_path: Path, untrusted: bool) -> None:
    """Proves that `classify` names the extra in one line, also in the child that decodes untrusted pictures."""
    (tmp_path / "pillow_heif.py").write_text("raise ModuleNotFoundError(\"No module named 'pillow_heif'\")")
    (tmp_path / "x.heic").write_bytes(HEAD)
    command = [
        sys.executable,
        "-c",
        "from edge_runtime.cli import run; run()",
        "classify",
        str(tmp_path / "x.heic"),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    options = ["--untrusted"] if untrusted else []
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "x.heic: is a HEIC file, which needs an extra. Install it: pip install 'catdog-edge[heic]'"
    )
