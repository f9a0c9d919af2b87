"""The documents and the Meltano project say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tap_recurly.config import CONFIG_JSONSCHEMA
from target_klaviyo.settings import json_schema

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
SETTINGS = {"extractors": CONFIG_JSONSCHEMA, "loaders": json_schema()}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script behind `make docs`."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def project() -> Any:
    """The Meltano project file."""
    return yaml.safe_load((ROOT / "meltano.yml").read_text())


def test_generated_tables_have_not_drifted(generate: ModuleType) -> None:
    """Every table in the READMEs is what `make docs` would write now."""
    for document in generate.DOCUMENTS:
        text = document.read_text()
        assert generate.with_tables(text) == text, f"{document.name}: run `make docs`"


def test_every_table_stands_somewhere(generate: ModuleType) -> None:
    """No table is generated for nobody."""
    text = "".join(document.read_text() for document in generate.DOCUMENTS)
    assert set(re.findall(r"<!-- table: ([a-z -]+) -->", text)) == set(generate.TABLES)


def test_other_projects_include_the_same_plugins(generate: ModuleType) -> None:
    """The file that other projects include holds what meltano.yml holds now."""
    assert generate.PLUGINS.read_text() == generate.plugins(), "run `make docs`"


@pytest.mark.parametrize("kind", SETTINGS)
def test_meltano_knows_the_plugins_settings(project: Any, kind: str) -> None:
    """meltano.yml lists every setting of the plugin's own, with its default and its secrecy."""
    own = SETTINGS[kind]["properties"]
    for plugin in project["plugins"][kind]:
        if "inherit_from" in plugin:
            continue
        listed = {setting["name"]: setting for setting in plugin["settings"]}
        assert listed.keys() == own.keys()
        for name in own:
            assert listed[name].get("sensitive", False) == own[name].get("secret", False), name
            if "value" in listed[name]:
                assert listed[name]["value"] == own[name].get("default"), name


def test_every_make_target_the_readme_names_exists() -> None:
    """A reader who types what the README says finds the target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text()))
    assert named <= targets


def test_every_link_of_the_readmes_leads_somewhere() -> None:
    """Relative links lead to files that exist."""
    for readme in [ROOT / "README.md", *ROOT.glob("*/README.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", readme.read_text()):
            assert (readme.parent / link).exists(), f"{readme}: {link}"
