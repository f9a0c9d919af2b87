"""Settings as data: defaults, and the schema the SDK shows."""

from __future__ import annotations

import pytest

from target_klaviyo.config import from_environment, read_settings
from target_klaviyo.errors import SettingsError
from target_klaviyo.settings import coerced, json_schema


def test_only_the_key_is_required() -> None:
    """Everything but the key has a default or may be absent."""
    settings = read_settings({"api_key": " pk_1 "})
    assert settings.api_key == "pk_1"
    assert settings.api_url == "https://a.klaviyo.com"
    assert settings.live_window.days == 3
    assert settings.concurrency == 4
    assert "pk_1" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"metrics": ["+lifecycle"], "names.Failed Payment": "F"}',
         {"metrics": ["+lifecycle"], "names": {"Failed Payment": "F"}}),
        (r'{"names.Plan 1\\.5": null, "names.Plan 2": "P"}',
         {"names": {"Plan 1.5": None, "Plan 2": "P"}}),
        ('{"names": {"Plan 1.5": "P"}}', {"names": {"Plan 1.5": "P"}}),
    ],
)  # fmt: skip
def test_an_object_of_a_variable_is_nested(text: str, value: object) -> None:
    """Meltano joins the names of nested objects by dots; an object that is nested stays."""
    found = from_environment({"TARGET_KLAVIYO_TRANSFORM_CONFIG": text}, json_schema())
    assert found == {"transform_config": value}


def test_null_and_empty_count_as_not_set() -> None:
    """Meltano passes settings on that nobody has set."""
    empty = dict.fromkeys(json_schema()["properties"]) | {"list_id": "", "api_key": "k"}
    assert read_settings(empty) == read_settings({"api_key": "k"})


def test_defaults_pass_their_own_checks() -> None:
    """Every default is a value its setting would take."""
    declared = json_schema()["properties"].items()
    defaults = {name: schema["default"] for name, schema in declared if "default" in schema}
    assert coerced({"api_key": "k", **defaults}) == {"api_key": "k", **defaults}


def test_every_setting_has_a_title_and_a_description() -> None:
    """Meltano and its hub show them."""
    for schema in json_schema()["properties"].values():
        assert schema["title"]
        assert schema["description"].endswith(".")


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://127.0.0.1:8702/", True),
        ("https://proxy.shop.io/klaviyo", True),
        ("ftp://a.klaviyo.com", False),
        ("https://user:pw@a.klaviyo.com", False),
        ("https://a.klaviyo.com?x=1", False),
        ("https://a.klaviyo.com:port", False),
        ("https://", False),
        ("https://a..klaviyo.com", False),
        (f"https://{'a' * 64}.com", False),
        (f"https://{'a' * 63}.com.", True),
        ("http://[::1]:8702", True),
    ],
)
def test_addresses_are_plain(url: str, right: bool) -> None:  # noqa: FBT001  (a table's column)
    """Only a plain http(s) address is taken, so that no password can hide in it."""
    if right:
        assert read_settings({"api_key": "k", "api_url": url}).api_url == url.rstrip("/")
    else:
        with pytest.raises(SettingsError, match="api_url"):
            read_settings({"api_key": "k", "api_url": url})


def test_the_schema_is_closed() -> None:
    """It forbids other names, requires the key alone and marks it as secret."""
    schema = json_schema()
    assert schema["required"] == ["api_key"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["api_key"]["secret"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8702/api", "http://127.0.0.1:8702/api/"])
def test_an_address_may_end_where_klaviyos_paths_begin(url: str) -> None:
    """Klaviyo's reference writes its paths with /api: who takes that for the address is right."""
    assert read_settings({"api_key": "k", "api_url": url}).api_url == "http://127.0.0.1:8702"
