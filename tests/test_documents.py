"""The documents and the Meltano projects say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import fastjsonschema
import meltano
import pytest
import yaml

from about import FOLDERS, own_settings, required_settings, settings
from generate import READMES, documents
from tables import TABLES

ROOT = Path(__file__).parent.parent
DEFINITIONS = {
    "tap-recurly": "plugins/extractors/tap-recurly.yml",
    "recurly-to-klaviyo": "plugins/mappers/recurly-to-klaviyo.yml",
    "target-klaviyo": "plugins/loaders/target-klaviyo.yml",
}
PROJECTS = [
    "meltano.yml",
    "docs/plugins.meltano.yml",
    *(f"{folder}/meltano.yml" for folder in FOLDERS.values()),
]
CODE = (*FOLDERS.values(), "sandbox", "tests")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md")]

REQUIRED_BY_THE_HUB = {"name", "namespace", "variant", "label"}
KNOWN_TO_THE_HUB = REQUIRED_BY_THE_HUB | {
    *("description", "docs", "repo", "domain_url", "logo_url", "pip_url", "executable"),
    *("keywords", "capabilities", "maintenance_status", "supported_python_versions", "commands"),
    *("settings", "settings_group_validation", "settings_preamble", "definition", "next_steps"),
    *("usage", "prereq", "select", "metadata", "mappings"),
}
SETTING_KNOWN_TO_THE_HUB = {
    *("name", "aliases", "label", "description", "kind", "options", "value", "placeholder"),
    *("sensitive", "documentation", "env"),
}


def _read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


@pytest.mark.slow
def test_nothing_generated_has_drifted() -> None:
    """Every generated file and table is what `make docs` would write now."""
    for path, text in documents():
        assert path.read_text() == text, f"{path.relative_to(ROOT)}: run `make docs`"


def test_every_table_stands_somewhere() -> None:
    """No table is generated for nobody."""
    text = "".join(readme.read_text() for readme in READMES)
    assert set(re.findall(r"<!-- table: ([a-z -]+) -->", text)) == set(TABLES)


@pytest.mark.parametrize("plugin", DEFINITIONS)
def test_a_definition_holds_what_the_hub_knows_and_every_setting(plugin: str) -> None:
    """A plugin's definition has the Hub's fields only, and exactly the settings of `--about`."""
    definition = _read(DEFINITIONS[plugin])
    assert definition.keys() >= REQUIRED_BY_THE_HUB
    assert definition.keys() <= KNOWN_TO_THE_HUB
    assert definition.get("settings_group_validation", [[]]) == [required_settings(plugin)]
    described = {setting["name"]: setting for setting in definition["settings"]}
    assert described.keys() == settings(plugin).keys()
    for name, schema in settings(plugin).items():
        assert described[name].keys() <= SETTING_KNOWN_TO_THE_HUB, name
        assert described[name].get("sensitive", False) == schema.get("secret", False), name
        assert described[name].get("value") == schema.get("default"), name
        assert described[name].get("kind") != "decimal", "Meltano cannot pass its decimals on"


@pytest.mark.parametrize("plugin", DEFINITIONS)
def test_every_setting_is_described(plugin: str) -> None:
    """No setting of ours goes without a sentence and a name for people."""
    for name, schema in own_settings(plugin).items():
        assert schema["description"].endswith("."), name


@pytest.mark.parametrize(
    "path",
    [
        "meltano.yml",
        "docs/plugins.meltano.yml",
        *(f"{folder}/meltano.yml" for folder in FOLDERS.values()),
    ],
)
def test_meltano_takes_the_project_files(path: str) -> None:
    """Every meltano.yml is valid by Meltano's own schema."""
    schema = Path(meltano.__path__[0]) / "schemas/meltano.schema.json"
    fastjsonschema.validate(json.loads(schema.read_text()), _read(path))


def test_the_included_jobs_bear_names_of_their_own() -> None:
    """What another project includes brings no job that the project may have, such as `sync`."""
    for job in _read("docs/plugins.meltano.yml")["jobs"]:
        assert job["name"].startswith("recurly-klaviyo-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_a_document_names_exists(document: Path) -> None:
    """A reader who types what a document says finds the target."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(
        re.findall(r"`make ([a-z-]+)`|^ *make ([a-z-]+)", document.read_text(), re.MULTILINE)
    )
    assert {first or second for first, second in named} <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    """Relative links lead to files that exist, and to headings that they have."""
    for link, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text()):
        target = document.parent / link if link else document
        assert target.exists(), link
        if heading:
            assert heading in _headings(target), f"{link}#{heading}"


def test_every_file_that_the_architecture_names_exists() -> None:
    """Who follows docs/architecture.md to change something finds the file."""
    text = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(
        r"`((?:tap-recurly|transform|target-klaviyo|sandbox|tests|docs)/[^`]*)`", text
    )
    assert named
    for path in named:
        assert (ROOT / path).exists(), path


def test_every_fact_that_the_code_cites_is_there() -> None:
    """A citation such as (docs/klaviyo.md: Events, Limits) names a page and its headings."""
    for source in (path for folder in CODE for path in (ROOT / folder).rglob("*.py")):
        text = " ".join(source.read_text().replace("# ", " ").split())
        for page, headings in re.findall(r"\(docs/(\w+\.md): ([A-Z][^)]*)\)", text):
            facts = (ROOT / "docs" / page).read_text()
            for heading in headings.split(", "):
                where = f"{source.relative_to(ROOT)}: {page}: {heading}"
                assert f"\n## {heading}\n" in facts, where


def _headings(page: Path) -> set[str]:
    """The page's headings as links name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}
