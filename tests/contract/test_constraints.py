"""The pinned packages: the list with hashes is the list without, and the project's bounds allow what is pinned."""

import re
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins(name: str) -> dict[str, str]:
    """Return the version of each package of a file of constraints."""
    found = re.findall(r"^([\w.-]+)==([^\s\\]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def test_both_lists_pin_the_same() -> None:
    """Proves that `make install`, which follows the hashes, gives the versions that `-c constraints.txt` gives."""
    assert pins("constraints-hashed.txt") == pins("constraints.txt")
    assert len(pins("constraints.txt")) > 50


def test_every_pin_has_a_hash() -> None:
    """Proves that no package of the list with hashes can be exchanged on its way."""
    text = (ROOT / "constraints-hashed.txt").read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=\w)", text.partition("\n")[2]):
        assert re.fullmatch(r"[\w.-]+==\S+( \\\n {4}--hash=sha256:[0-9a-f]{64})+\n?", entry), entry[:100]


def test_bounds_allow_the_pins() -> None:
    """Proves that every package that the project asks for is pinned, at a version within its bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned, checked = pins("constraints.txt"), set[str]()
    for text in chain(project["dependencies"], *project["optional-dependencies"].values()):
        asked = Requirement(text)
        if asked.name == project["name"] or (asked.marker and not asked.marker.evaluate()):
            continue
        assert asked.specifier.contains(pinned[canonicalize_name(asked.name)]), text
        checked.add(asked.name)
    assert {"keras", "h5py", "bandit"} <= checked
