"""Rooms import only the rooms below them, and a drawing in the documentation shows it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rooms() -> ModuleType:
    """The script that draws the rooms."""
    spec = spec_from_file_location("draw_rooms", ROOT / "scripts/draw_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_room_imports_one_above_it(rooms: ModuleType) -> None:
    """Proves that the rooms have one order, that each imports only lower ones, and so that there is no cycle."""
    upward = []
    for first, second in rooms.arrows():
        (package, _, room), (other, _, lower) = first.partition("."), second.partition(".")
        order = rooms.ROOMS[package]
        if package == other and order.index(lower) > order.index(room):
            upward.append(f"{first} imports {second}")
    assert upward == []


def test_every_room_is_in_the_order(rooms: ModuleType) -> None:
    """Proves that the order has every room that exists, and no other."""
    found = {rooms.room_of(name) for name in rooms.modules() if name not in rooms.PACKAGES}
    assert found == {f"{package}.{room}" for package, order in rooms.ROOMS.items() for room in order}


def test_the_drawing_is_of_this_code(rooms: ModuleType) -> None:
    """Proves that the drawing has the arrows of the code. `python scripts/draw_rooms.py` draws it again."""
    assert rooms.DRAWING.read_text(encoding="utf-8") == rooms.to_dot(rooms.arrows())
    assert rooms.DRAWING.with_suffix(".svg").stat().st_size > 1000


def test_an_arrow_upward_is_seen(rooms: ModuleType, tmp_path: Path) -> None:
    """Proves that an import is found at the top, in a function, and in a block for type checkers."""
    source = (
        "import trainer.cli\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from exporter import export\n"
        "def late():\n"
        "    from benchmarks.run.timing import describe\n"
    )
    (tmp_path / "a.py").write_text(source)
    known = rooms.modules()
    assert set(rooms.imported(tmp_path / "a.py", known)) == {
        "trainer.cli",
        "exporter.export",
        "benchmarks.run.timing",
    }
    assert rooms.room_of("benchmarks.run.timing") == "benchmarks.run"
    assert rooms.room_of("edge_runtime.folders") == "edge_runtime.files"
    assert rooms.room_of("edge_runtime.classifier") == "edge_runtime.classifier"
