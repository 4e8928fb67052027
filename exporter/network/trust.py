"""Run a Python file that the user trusts, because it defines the layers and functions of a model."""

from __future__ import annotations

import runpy
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.errors import SourceError


@dataclass(frozen=True)
class Trusted:
    """What a trusted file defines.

    Args:
        file: the file; None if none is trusted.
        objects: its classes and functions by name.
    """

    file: Path | None = None
    objects: dict[str, Any] = field(default_factory=dict)


NOTHING = Trusted()


def run_trusted(file: Path) -> Trusted:
    """Run a Python file and return what it defines. What stands under `if __name__ == "__main__"` does not run.

    Raises:
        SourceError: there is no such file, or it failed.
    """
    if not file.is_file():
        raise SourceError(
            f"{file}: no such file. Name with --trust the Python file that defines the model's layers."
        )
    folder = str(file.resolve().parent)
    sys.path.append(folder)  # after all others: what it imports may lie beside it
    try:
        names = runpy.run_path(str(file), run_name="trusted")
    except (Exception, SystemExit) as error:
        raise SourceError(f"{file}: {_where(error, file)}. Put it right, or name another file.") from error
    finally:
        sys.path.remove(folder)
    return Trusted(file, {name: value for name, value in names.items() if _is_defined(name, value)})


def _is_defined(name: str, value: Any) -> bool:
    return callable(value) and not name.startswith("__")


def _where(error: BaseException, file: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"failed in line {lines[-1]} ({reason:.200})" if lines else f"cannot be run ({reason:.200})"
