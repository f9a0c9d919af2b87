"""Settings as data: defaults, and the schema the SDK shows."""

from __future__ import annotations

import pytest

from target_klaviyo.config import SETTINGS, json_schema, read_settings
from target_klaviyo.errors import SettingsError


def test_only_the_key_is_required() -> None:
    """Everything but the key has a default or may be absent."""
    settings = read_settings({"api_key": " pk_1 "})
    assert settings.api_key == "pk_1"
    assert settings.api_url == "https://a.klaviyo.com"
    assert settings.live_window.days == 3
    assert settings.concurrency == 4
    assert "pk_1" not in repr(settings)


def test_null_and_empty_count_as_not_set() -> None:
    """Meltano passes settings on that nobody has set."""
    empty = {setting.name: None for setting in SETTINGS} | {"list_id": "", "api_key": "k"}
    assert read_settings(empty) == read_settings({"api_key": "k"})


def test_defaults_pass_their_own_checks() -> None:
    """Every default is a value its setting would take."""
    for setting in SETTINGS:
        if setting.default is not None:
            assert setting.read(setting.default) == setting.default


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
    ],
)
def test_addresses_are_plain(url: str, right: bool) -> None:  # noqa: FBT001  (a table's column)
    """Only a plain http(s) address is taken, so that no password can hide in it."""
    if right:
        assert read_settings({"api_key": "k", "api_url": url}).api_url == url.rstrip("/")
    else:
        with pytest.raises(SettingsError, match="api_url"):
            read_settings({"api_key": "k", "api_url": url})


def test_the_schema_knows_every_setting() -> None:
    """The schema forbids other names and marks the key as secret."""
    schema = json_schema()
    assert set(schema["properties"]) == {setting.name for setting in SETTINGS}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["api_key"]["secret"]
