"""Texts that are not Unicode: read all the same, with U+FFFD in the place of what is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_recurly.http.repair import repaired
from tap_recurly.http.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

ONE_TRY = RetryPolicy(max_tries=1, max_tries_unreached=1)
LISTS = {
    "transactions": "/transactions",
    "invoices": "/invoices",
    "account_snapshots": "/accounts",
    "gift_cards": "/gift_cards",
    "account_notes": "/accounts/a/notes",
}
MOMENT = b'"updated_at": "2024-05-01T00:00:00Z"'


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\uDE00x"', "\ufffdx"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ud83d\n"', "\ufffd\n"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (rb'"\"\ud83d\""', '"\ufffd"'),
        (b'"a\xffb"', "a\ufffdb"),
        (b'"a\xe2\x82"', "a\ufffd"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"a\nb\x00"', "a\nb\0"),
        (b'{"\xff": {"\\ud83d": ["\\ude00"]}}', {"\ufffd": {"\ufffd": ["\ufffd"]}}),
    ],
)
def test_what_is_no_character_becomes_u_fffd(sent: bytes, read: object) -> None:
    """Lone surrogates and bytes that are not UTF-8 are replaced, in values and keys; no more is."""
    assert orjson.loads(repaired(sent)) == read


@settings(deadline=None)
@given(st.recursive(st.text() | st.integers() | st.none(), st.lists), st.sampled_from("au"))
def test_good_json_stays_as_it_is(value: object, escaping: str) -> None:
    """What needs no repair is not touched, byte for byte."""
    text = json.dumps(value, ensure_ascii=escaping == "a", indent=1).encode()
    assert repaired(text) == text


@settings(deadline=None)
@given(st.text(st.characters(codec=None)), st.binary())
def test_any_text_can_be_read_afterwards(text: str, noise: bytes) -> None:
    """Whatever stands between the quotes, the repaired text is JSON."""
    quoted = json.dumps(text).encode()
    inside = noise.replace(b"\\", b"").replace(b'"', b"")
    orjson.loads(repaired(quoted[:-1] + inside + b'"'))


@pytest.mark.parametrize("stream", LISTS)
@pytest.mark.parametrize("text", [rb"\ud83d", b"\xff"])
def test_one_text_stops_no_list(
    site: HandmadeSite,
    sync: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
    stream: str,
    text: bytes,
) -> None:
    """Two rows with half an emoji or a broken byte arrive, and one warning says so."""
    site.put("/accounts", "a")
    rows = b",".join(
        b'{"id": "%d", %s, "nested": [{"note": "so %s"}]}' % (number, MOMENT, text)
        for number in range(2)
    )
    body = b'{"object": "list", "has_more": false, "data": [%s]}' % rows
    counted = {"Recurly-Total-Records": "2"}

    def answer(method: str, path: str, _params: dict[str, str]) -> Answer | None:
        return (200, counted, body if method == "GET" else b"") if path == LISTS[stream] else None

    site.before = answer
    run = sync([stream], retry=ONE_TRY)
    assert run.code == 0, run.stderr
    assert "so \ufffd" in json.dumps(run.records(stream)[1], ensure_ascii=False)
    said = [record for record in caplog.records if "U+FFFD" in record.getMessage()]
    assert len(said) == 1


def test_one_document_is_repaired_too(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """What is no list, as an account's balance, is read with U+FFFD as well."""
    site.put("/accounts", "a")
    balance = b'{"object": "account_balance", "balances": [{"currency": "\\ud83d"}]}'
    site.before = lambda _method, path, _params: (
        (200, {}, balance) if path == "/accounts/a/balance" else None
    )
    run = sync(["account_balances"], retry=ONE_TRY)
    (record,) = run.records("account_balances")
    assert record["balances"] == [{"currency": "\ufffd"}]


def test_a_refusal_with_a_broken_byte_is_still_a_sentence(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """An error body that is not UTF-8 tells its words all the same."""
    body = b'{"error": {"type": "forbidden", "message": "Not for \xff you"}}'
    site.before = lambda *_: (403, {}, body)
    run = sync(["plans"], retry=ONE_TRY)
    assert run.code == 1
    assert "Not for \ufffd you" in run.stderr
