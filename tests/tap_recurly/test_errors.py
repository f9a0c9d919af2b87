"""Every mistake is one sentence, the plugin's last line; the exit code is 1, never a traceback."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly import errors
from tap_recurly.config import CONFIG_JSONSCHEMA, check_config
from tap_recurly.environment import from_environment
from tap_recurly.errors import ConfigurationError
from tap_recurly.state import check_state
from tap_recurly.streams import STREAMS
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite


WRONG_SETTINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"api_kye": "x"}, ["'api_kye'", "'api_key'"]),
    ({"api_key": None}, ["'api_key'", "Integrations > API Credentials"]),
    ({"api_key": "two words"}, ["'api_key'"]),
    ({"region": "asia"}, ["'region'", "'us'", "'eu'"]),
    ({"api_url": "recurly"}, ["'api_url'", "'recurly'"]),
    ({"start_date": "yesterday"}, ["'start_date'", "'yesterday'"]),
    ({"quota_percent": 0}, ["'quota_percent'", "1 to 100"]),
    ({"concurrency": "many"}, ["'concurrency'", "'many'"]),
    ({"concurrency": Decimal("1.5")}, ["'concurrency'", "not 1.5"]),
    ({"quota_percent": Decimal("80.5")}, ["'quota_percent'", "not 80.5"]),
    ({"batch_config": {}}, ["'batch_config'"]),
    ({"stream_maps": [1]}, ["'stream_maps'", "JSON object", "[1]"]),
    ({"flattening_enabled": "perhaps"}, ["'flattening_enabled'", "true or false", "'perhaps'"]),
    ({"flattening_max_depth": -1}, ["'flattening_max_depth'", "whole number", "-1"]),
    ({"flattening_enabled": True}, ["'flattening_max_depth'", "missing"]),
    ({"region": "a" * 999}, ["'region'", "aaa..."]),
]

WRONG_VARIABLES = {
    "CONCURRENCY": ("two", "whole number"),
    "FLATTENING_MAX_DEPTH": ("deep", "whole number"),
    "FLATTENING_ENABLED": ("ture", "true or false"),
    "STREAM_MAPS": ("{accounts", "JSON object"),
}

WRONG_CATALOGS: list[tuple[Any, str]] = [
    ({}, "its beginning"),
    ({"streams": None}, "its beginning"),
    ({"streams": [{"tap_stream_id": "plans"}, {"stream": "accounts"}]}, "stream 2"),
    ({"streams": [{"tap_stream_id": "plans", "schema": 5}]}, "stream 'plans'"),
    ({"streams": [{"tap_stream_id": "plans", "metadata": [{}]}]}, "stream 'plans'"),
]

WRONG_STATES: list[tuple[dict[str, Any], str]] = [
    ({"bookmarks": None}, "'bookmarks'"),
    ({"type": "STATE", "value": {"bookmarks": {}}}, "the 'value' of"),
    ({"bookmarks": []}, "'bookmarks'"),
    ({"bookmarks": {"plans": None}}, "'plans'"),
    ({"bookmarks": {"plans": "x" * 9_999}}, "xxx..."),
    ({"bookmarks": {"plans": "jo@shop.example\n"}}, "(e-mail address)"),
    ({"bookmarks": {"plans": {"replication_key_value": "x"}}}, "'plans'"),
    ({"bookmarks": {"plans": {"replication_key_value": 5}}}, "'plans'"),
    ({"bookmarks": {"plans": {"partitions": [1]}}}, "'partitions'"),
    ({"bookmarks": {"plans": {"updated_at": "2024-01-31T00:00:00Z"}}}, "of another tap"),
    ({"bookmarks": {"account_snapshots": {"last_sweep": "x"}}}, "'account_snapshots'"),
]


def test_tree_of_errors_is_drawn_whole() -> None:
    """The drawing in the module's docstring is the classes, each below its own base."""

    def drawn(kind: type[Exception], depth: int = 0) -> list[tuple[str, int]]:
        below = [line for each in kind.__subclasses__() for line in drawn(each, depth + 1)]
        return [(kind.__name__, depth), *below]

    lines = [line for line in str(errors.__doc__).splitlines() if "Error" in line]
    names = [re.match(r"([│├└─ ]*)(\w+Error) ", line) for line in lines]
    assert [(name[2], len(name[1]) // 4) for name in names if name] == drawn(errors.TapRecurlyError)


def _is_one_sentence(run: Run, *words: str) -> None:
    assert run.code == 1, run.stderr
    assert "Traceback" not in run.stderr
    for word in words:
        assert word in run.last_line
    assert run.last_line.endswith(".")


@pytest.mark.parametrize(("config", "words"), WRONG_SETTINGS)
def test_wrong_setting(config: dict[str, Any], words: list[str]) -> None:
    """A wrong setting is named, with what would be right."""
    TapRecurly.append_builtin_config(TapRecurly.config_jsonschema)
    with pytest.raises(ConfigurationError) as error:
        check_config({"api_key": "key"} | config, TapRecurly.config_jsonschema)
    assert all(word in str(error.value) for word in words)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("name", WRONG_VARIABLES)
def test_wrong_variable(name: str) -> None:
    """A setting of whatever type that an environment variable spoils is named, and the variable."""
    TapRecurly.append_builtin_config(TapRecurly.config_jsonschema)
    schema = TapRecurly.config_jsonschema
    text, right = WRONG_VARIABLES[name]
    environment = {f"TAP_RECURLY_{name}": text, "TAP_RECURLY_LOOKBACK_SECONDS": ""}
    with pytest.raises(ConfigurationError, match=right) as error:
        from_environment(environment, "TAP_RECURLY_", schema)
    assert f"TAP_RECURLY_{name}" in str(error.value)


@pytest.mark.parametrize("name", ["CONCURENCY", "API_KYE", "FLATTENING_MAXDEPTH"])
def test_misspelt_variable(name: str) -> None:
    """A variable whose name is nearly a setting's is named with the right one."""
    TapRecurly.append_builtin_config(TapRecurly.config_jsonschema)
    schema = TapRecurly.config_jsonschema
    with pytest.raises(ConfigurationError, match=rf"TAP_RECURLY_{name}; did you mean TAP_RECURLY_"):
        from_environment({f"TAP_RECURLY_{name}": "3"}, "TAP_RECURLY_", schema)


@pytest.mark.parametrize("setting", CONFIG_JSONSCHEMA["properties"])
def test_variables_of_a_plugin_that_inherits(setting: str) -> None:
    """What Meltano sets under the same prefix for an inheriting plugin, and of its own, passes."""
    others = [f"T_AUDIT_{setting.upper()}", "T__SELECT", "T__CATALOG", "T_NAMESPACE", "T_VARIANT"]
    assert from_environment(dict.fromkeys(others, "x"), "T_", CONFIG_JSONSCHEMA) == {}


@pytest.mark.parametrize("member", ["STREAM_MAP_CONFIG_SKIP", "STREAM_MAPS_PLANS___ELSE__"])
def test_variables_of_members(member: str) -> None:
    """What Meltano sets for each member of an object beside the object itself passes."""
    TapRecurly.append_builtin_config(TapRecurly.config_jsonschema)
    schema = TapRecurly.config_jsonschema
    assert from_environment({f"T_{member}": "x"}, "T_", schema) == {}


def test_variables_become_settings() -> None:
    """Texts are read as what the settings take; empty variables and those of others are none."""
    TapRecurly.append_builtin_config(TapRecurly.config_jsonschema)
    schema = TapRecurly.config_jsonschema
    environment = {
        "T_API_KEY": "k",
        "T_CONCURRENCY": "3",
        "T_FLATTENING_ENABLED": "Yes",
        "T_STREAM_MAPS": '{"plans": null}',
        "T_REGION": "",
        "T_SHIRT": "red",
    }
    assert from_environment(environment, "T_", schema) == {
        "api_key": "k",
        "concurrency": 3,
        "flattening_enabled": True,
        "stream_maps": {"plans": None},
    }


def test_stream_maps_of_a_plugin_that_inherits() -> None:
    """What Meltano makes of an inheriting plugin's stream maps is read as what was written."""
    TapRecurly.append_builtin_config(TapRecurly.config_jsonschema)
    passed = '{"plans.code": "code", "plans.name": null, "__else__": "__NULL__"}'
    config = from_environment({"T_STREAM_MAPS": passed}, "T_", TapRecurly.config_jsonschema)
    maps = {"plans": {"code": "code", "name": None}, "__else__": "__NULL__"}
    assert config == {"stream_maps": maps}


def test_missing_key(tap: Callable[..., Run]) -> None:
    """Without a key the tap says where to get one, and who reads its variable."""
    words = ("'api_key'", "Integrations > API Credentials", "only Meltano and --config ENV read")
    _is_one_sentence(tap(api_key=None), *words)


@pytest.mark.parametrize("how", ["--discover", "--test", "--about", "--check"])
def test_wrong_setting_however_started(tap: Callable[..., Run], how: str) -> None:
    """A typo is refused whatever the tap is asked to do."""
    _is_one_sentence(tap(how, subdomian="x"), "'subdomian'", "'subdomain'")


@pytest.mark.parametrize("how", [(), ("--test",), ("--check",)])
def test_wrong_key(tap: Callable[..., Run], how: tuple[str, ...]) -> None:
    """A key that Recurly does not accept is said to be one."""
    run = tap(*how, api_key="another")
    _is_one_sentence(run, "API key", "'region'", "API Credentials")
    assert "another" not in run.stderr


def test_key_of_another_site(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """With `subdomain` given, a key of another site reads nothing."""
    site.put("/sites", "site-1", subdomain="theirs")
    run = tap(subdomain="mine")
    _is_one_sentence(run, "'theirs'", "'mine'")
    assert {path for _, path, _ in site.requests} == {"/sites"}


def test_site_that_the_key_may_not_read(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """With `subdomain` given, a key that cannot say its site reads nothing, and it is said why."""
    site.before = lambda _method, path, _params: (403, {}, b"") if path == "/sites" else None
    _is_one_sentence(tap(subdomain="mine"), "'subdomain'", "/sites", "remove the setting")


def test_unreachable_host(tap: Callable[..., Run]) -> None:
    """A host that does not answer is named."""
    run = tap(api_url="http://127.0.0.1:9")
    _is_one_sentence(run, "http://127.0.0.1:9", "refused", "'api_url'")


def test_settings_from_the_environment(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """With `--config ENV` the settings come from TAP_RECURLY_ variables, wrong ones named."""
    site.fill("/plans", 3)
    environment = {
        **os.environ,
        "TAP_RECURLY_API_KEY": "a-private-key",
        "TAP_RECURLY_API_URL": site.url,
        "TAP_RECURLY_CONCURRENCY": "2",
    }
    run = tap("--config", "ENV", streams=["plans"], environment=environment)
    assert run.code == 0, run.stderr
    assert len(run.records("plans")) == 3
    environment["TAP_RECURLY_STREAM_MAPS"] = "{plans"
    run = tap("--config", "ENV", environment=environment)
    _is_one_sentence(run, "TAP_RECURLY_STREAM_MAPS", "'{plans'")


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
def test_file_that_is_not_json(tap: Callable[..., Run], tmp_path: Path, option: str) -> None:
    """A broken file is named."""
    path = tmp_path / "broken.json"
    path.write_text("{", encoding="utf-8")
    _is_one_sentence(tap(option, str(path)), "broken.json")


def test_configuration_that_is_no_object(tap: Callable[..., Run], tmp_path: Path) -> None:
    """A file that holds JSON of another kind is said to hold no object, not to lack the key."""
    path = tmp_path / "array.json"
    path.write_text("[]", encoding="utf-8")
    _is_one_sentence(tap("--config", str(path)), "array.json", "JSON object")


def test_mistyped_stream_map(tap: Callable[..., Run]) -> None:
    """A stream map that cannot be computed ends the run before it begins."""
    run = tap(stream_maps={"accounts": {"domain": "email.split("}})
    _is_one_sentence(run, "'stream_maps'", "'accounts'", "'domain'")


@pytest.mark.parametrize(("catalog", "place"), WRONG_CATALOGS)
def test_file_that_is_no_catalog(
    tap: Callable[..., Run], tmp_path: Path, catalog: dict[str, Any], place: str
) -> None:
    """A catalog that Singer would not know is named, with the place and the way to a new one."""
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(catalog), encoding="utf-8")
    _is_one_sentence(tap("--catalog", str(path)), "broken.json", place, "--discover")


def test_catalog_with_a_stream_that_is_none(tap: Callable[..., Run], tmp_path: Path) -> None:
    """A stream of the catalog that the tap does not have is a warning."""
    path = tmp_path / "catalog.json"
    plans = {
        "tap_stream_id": "plans",
        "schema": {"type": "object", "properties": {"id": {"type": "string"}}},
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
    }
    catalog = {"streams": [{"tap_stream_id": "plnas"}, plans]}
    path.write_text(json.dumps(catalog), encoding="utf-8")
    run = tap("--catalog", str(path))
    assert run.code == 0, run.stderr
    assert "'plnas', which this tap does not have" in run.stderr


@pytest.mark.parametrize(("state", "words"), WRONG_STATES)
def test_spoiled_state(state: dict[str, Any], words: str) -> None:
    """A STATE somebody has spoiled is said to be so, instead of reading all again in silence."""
    with pytest.raises(ConfigurationError, match="STATE") as error:
        check_state(state, ["plans", "account_snapshots"])
    assert words in str(error.value)


def test_bookmark_that_is_no_date(tap: Callable[..., Run]) -> None:
    """A bookmark that cannot be read ends the run before it begins."""
    state = {"bookmarks": {"plans": {"replication_key_value": "x", "replication_key": "id"}}}
    _is_one_sentence(tap(state=state, streams=["plans"]), "'plans'", "STATE")


def test_discovery_and_about_need_neither_key_nor_network(tap: Callable[..., Run]) -> None:
    """What a tap can do is known without any site."""
    discovery = tap("--discover", api_key=None, api_url="http://127.0.0.1:9")
    assert discovery.code == 0, discovery.stderr
    assert len(json.loads(discovery.stdout)["streams"]) == len(STREAMS)
    about = tap("--about", api_key=None)
    assert about.code == 0, about.stderr


def test_an_empty_state_file_is_no_state(
    site: HandmadeSite, tap: Callable[..., Run], tmp_path: Path
) -> None:
    """What a failed run may leave of a STATE file does not stop all later runs, and is told."""
    site.fill("/plans", 3)
    empty = tmp_path / "state"
    empty.write_text("\n", encoding="utf-8")
    run = tap("--state", str(empty), streams=["plans"])
    assert run.code == 0, run.stderr
    assert len(run.records("plans")) == 3
    assert "is empty: everything is read" in run.stderr
