"""What `make` removes, and what it leaves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_clean_keeps_bookmarks_and_rejected_rows(tmp_path: Path) -> None:
    """`make clean` removes environments, caches and logs; Meltano's database and rejects stay."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = [".env", ".meltano/meltano.db", "output/rejected.singer"]
    made = [".venv/x", ".mypy_cache/x", ".meltano/loaders/x", ".meltano/run/x", "output/audit.html"]
    for name in (*kept, *made):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in range(2):
        subprocess.run(["make", "--silent", "clean"], cwd=tmp_path, check=True)  # noqa: S607
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", *kept}
