"""A folder of its own for each measured program: its configuration, its input, its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def home_of(name: str, folder: Path) -> Path:
    """The program's folder in that of the run."""
    home = folder / name
    home.mkdir(exist_ok=True)
    return home


def written(path: Path, content: object) -> Path:
    """A file that now holds this as JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
