"""Which fields of a record are written: selected ones, no secrets, nothing undeclared unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib import SelectionMask

from tap_recurly.errors import ConfigurationError
from tap_recurly.redaction import SECRET_FIELDS
from tap_recurly.streams import STREAMS
from tap_recurly.streams.fields import FieldFilter
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

TOKEN = "hosted_login_token"  # noqa: S105 (the name of a field)
METHOD = {"object": "credit_card", "gateway_token": "geheim", "last_four": "1111"}
ACCOUNT: dict[str, Any] = {TOKEN: "geheim", "billing_info": {"payment_method": METHOD}}

NAMES = st.sampled_from([*sorted(SECRET_FIELDS), "id", "tokens", 'a","token":"', "x\\"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(['","token":"x', '{"token":1}', "\\", '"', ", "])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def without_secrets(value: Any) -> Any:
    """A record as the tap gives it: nowhere a field that is a secret."""
    if isinstance(value, dict):
        return {
            name: without_secrets(each) for name, each in value.items() if name not in SECRET_FIELDS
        }
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_secrets_are_cut_out_of_the_text_exactly(
    record: dict[str, Any], separators: tuple[str, str]
) -> None:
    """A row loses its secrets at any depth and nothing else, whatever its texts look like."""
    fields = FieldFilter(SelectionMask(), None, SECRET_FIELDS, print)
    line = fields.line(json.dumps(record, separators=separators).encode())
    right = without_secrets(record)
    assert json.loads(line) == right
    assert fields.record(json.loads(json.dumps(record))) == right


def test_a_row_without_secrets_is_not_even_copied() -> None:
    """A row that needs nothing leaves as the same bytes."""
    fields = FieldFilter(SelectionMask(), ["id", "name"], SECRET_FIELDS, print)
    line = b'{"id":  "a", "name": {"x": "the token"}}'
    assert fields.line(line) is line


def test_secrets_are_left_out_of_records_and_schemas(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """Login tokens, gateway tokens and bank numbers stay out at any depth, also under `*`."""
    site.put("/accounts", "a", **ACCOUNT)
    site.put("/invoices", "i", transactions=[{"payment_method": METHOD}])
    names = ["accounts", "account_snapshots", "invoices"]
    run = sync(names, select=lambda _: True)
    assert run.code == 0, run.stderr
    assert [len(run.records(name)) for name in names] == [1, 1, 1]
    assert run.records("accounts")[0]["billing_info"]["payment_method"] == {
        "object": "credit_card",
        "last_four": "1111",
    }
    for secret in (*SECRET_FIELDS, "geheim"):
        assert f'"{secret}"' not in run.stdout


def test_a_secret_is_written_when_it_is_named(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """`secret_fields` lets one secret through, and no other."""
    site.put("/accounts", "a", **ACCOUNT)
    run = sync(["account_snapshots"], secret_fields=[TOKEN])
    (record,) = run.records("account_snapshots")
    assert record[TOKEN] == "geheim"
    assert "gateway_token" not in run.stdout


def test_the_catalog_does_not_select_secrets() -> None:
    """Every secret in a catalog is `selected-by-default: false`, unless the settings name it."""
    for allowed in ([], [TOKEN]):
        catalog = TapRecurly(config={"api_key": "k", "secret_fields": allowed}).catalog_dict
        found = [
            item["metadata"].get("selected-by-default")
            for entry in catalog["streams"]
            for item in entry["metadata"]
            if item["breadcrumb"] and item["breadcrumb"][-1] in SECRET_FIELDS - {*allowed}
        ]
        assert len(found) > len(STREAMS) // 4
        assert {*found} == {False}


@pytest.mark.parametrize("given_fields", ['["password"]', "hosted_login_token", '{"a": 1}'])
def test_a_secret_that_there_is_not_is_a_sentence(
    given_fields: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is no secret is refused with those there are, also from a variable."""
    monkeypatch.setenv("TAP_RECURLY_SECRET_FIELDS", given_fields)
    with pytest.raises(ConfigurationError, match=r"'secret_fields' must be .*'token'.*SECRET"):
        TapRecurly(config={"api_key": "k"}, parse_env_config=True)


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("additional", {"additional": {"invented": 1}}),
        ("drop", {}),
        ("keep", {"invented": 1}),
    ],
)
def test_a_field_that_the_schema_does_not_know(
    site: HandmadeSite,
    sync: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
    choice: str,
    written: dict[str, Any],
) -> None:
    """An undeclared field goes where the setting says, and the log tells so once."""
    caplog.set_level("INFO")
    for row in "ab":
        site.put("/plans", row, invented=1)
    run = sync(["plans"], undeclared_fields=choice)
    own = {"id", "created_at", "updated_at"}
    for record in run.records("plans"):
        assert {name: record[name] for name in record.keys() - own} == written
    (schema,) = (message["schema"] for message in run.messages if message["type"] == "SCHEMA")
    assert ("additional" in schema["properties"]) == (choice == "additional")
    said = [record for record in caplog.records if "invented" in record.getMessage()]
    assert len(said) == (choice != "keep")


def test_a_selection_of_two_fields_gives_two_fields(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """What `select: [invoices.id, invoices.total]` leaves out is in neither schema nor record."""
    site.put("/invoices", "i", total=1.5, address={"city": "Oslo", "planet": "Earth"}, invented=1)
    run = sync(["invoices"], select=["id", "total"].__contains__)
    assert run.records("invoices") == [
        {"id": "i", "total": 1.5, "updated_at": "2024-06-01T12:00:00Z"}
    ]
    (schema,) = (message["schema"] for message in run.messages if message["type"] == "SCHEMA")
    assert {*schema["properties"]} == {"id", "total", "updated_at"}
