"""Deselected properties, taken out of a record before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Tree = dict[str, "Tree"]
"""Properties by name; an empty branch is one to remove, whole."""


def deselected(mask: Mapping[tuple[str, ...], bool]) -> Tree:
    """The deselected properties of a catalogue's mask: breadcrumb to whether it is selected."""
    tree: Tree = {}
    for breadcrumb, selected in mask.items():
        if not selected and breadcrumb:
            branch = tree
            for name in breadcrumb[1::2]:
                branch = branch.setdefault(name, {})
            branch.clear()
    return tree


def prune(record: dict[str, Any], tree: Tree) -> None:
    """Remove the properties of the tree from a record, in place."""
    for name, branch in tree.items():
        value = record.get(name)
        if not branch:
            record.pop(name, None)
        elif isinstance(value, dict):
            prune(value, branch)
