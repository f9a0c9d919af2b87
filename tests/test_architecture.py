"""How the files of each package lean on each other, and how long they are."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "tap_recurly": ROOT / "tap-recurly",
    "recurly_to_klaviyo": ROOT / "transform",
    "target_klaviyo": ROOT / "target-klaviyo",
    "recurly_klaviyo_sandbox": ROOT / "sandbox",
}


def _modules(package: str) -> dict[str, Path]:
    """A package's files by the names of their modules."""
    root = PACKAGES[package]
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in (root / package).rglob("*.py")
    }


def _imports(path: Path, package: str, modules: dict[str, Path]) -> set[str]:
    """The package's own modules that a file imports, those for types only included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            for alias in node.names:
                names = (f"{node.module}.{alias.name}", str(node.module))
                places = (each for name in names for each in (name, f"{name}.__init__"))
                found.add(next(each for each in places if each in modules))
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_imports_another_that_imports_it(package: str) -> None:
    """There is no circle, not even among imports that only types need."""
    modules = _modules(package)
    assert len(modules) > 10
    graph = {name: _imports(path, package, modules) - {name} for name, path in modules.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(modules)


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_stand_on_floors(package: str) -> None:
    """Whatever a folder imports stands below it, and nothing there imports from above."""
    modules = _modules(package)
    floors: dict[str, set[str]] = {}
    for name, path in modules.items():
        room = _room(name)
        below = {_room(each) for each in _imports(path, package, modules)}
        floors.setdefault(room, set()).update(below - {room})
    assert len(list(TopologicalSorter(floors).static_order())) == len(floors) > 3


def _room(module: str) -> str:
    """The folder of the package, or the file beside the folders, that a module is in."""
    return module.split(".")[1]


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    """A file that outgrows that tells of a missing room."""
    folders = [*PACKAGES.values(), *(ROOT / name for name in ("tests", "bench", "scripts"))]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(files) > 300
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: number for path, number in lines.items() if number > 400} == {}
