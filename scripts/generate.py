"""What the repository repeats of the code, made from the code: `make docs` writes it into place.

That is the READMEs' tables, each between `<!-- table: NAME -->` and `<!-- end -->`, and the plugins
as Meltano knows them: one definition each, this repository's own project, the file that other
projects include, and a small project in each plugin's folder. A test fails when one has drifted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from definitions import definition, include_file, project_file, small_project
from tables import with_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
READMES = tuple(
    ROOT / folder / "README.md" for folder in (".", "tap-recurly", "transform", "target-klaviyo")
)
PROJECT = ROOT / "meltano.yml"


def documents() -> Iterator[tuple[Path, str]]:
    """Every file that holds something generated, and what it should hold now."""
    for readme in READMES:
        yield readme, with_tables(readme.read_text())
    yield ROOT / "plugins/extractors/tap-recurly.yml", definition("tap-recurly")
    yield ROOT / "plugins/mappers/recurly-to-klaviyo.yml", definition("recurly-to-klaviyo")
    yield ROOT / "plugins/loaders/target-klaviyo.yml", definition("target-klaviyo")
    yield PROJECT, project_file(PROJECT.read_text())
    yield ROOT / "docs/plugins.meltano.yml", include_file()
    yield ROOT / "tap-recurly/meltano.yml", small_project("tap-recurly")
    yield ROOT / "transform/meltano.yml", small_project("recurly-to-klaviyo")
    yield ROOT / "target-klaviyo/meltano.yml", small_project("target-klaviyo")


if __name__ == "__main__":
    for path, text in documents():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
