"""How the sandbox's files lean on each other."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import recurly_klaviyo_sandbox

ROOT = Path(recurly_klaviyo_sandbox.__file__).parent
PACKAGE = ROOT.name
FILES = {
    ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in ROOT.rglob("*.py")
}


def _imports(path: Path) -> set[str]:
    """The sandbox's own modules that a file imports, those for types only included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            module = str(node.module)
            for alias in node.names:
                name = f"{module}.{alias.name}"
                found.add(
                    next(
                        each
                        for each in (name, f"{name}.__init__", module, f"{module}.__init__")
                        if each in FILES
                    )
                )
    return found


def test_no_file_imports_another_that_imports_it() -> None:
    """There is no circle, not even among imports that only types need."""
    graph = {name: _imports(path) - {name} for name, path in FILES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(FILES)


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    """A file that outgrows that tells of a missing room."""
    long = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in FILES.items()
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
