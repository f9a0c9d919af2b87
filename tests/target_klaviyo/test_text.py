"""Numbers, lists and moments as sentences and documents have them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from target_klaviyo.klaviyo.json_api import parse_timestamp
from target_klaviyo.text import counted, enumeration, redact
from target_klaviyo.writing.stats import counted_rows


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 import jobs"), (1, "1 import job"), (2_000, "2,000 import jobs")]
)
def test_one_of_a_thing_is_singular(count: int, text: str) -> None:
    """And all others are plural."""
    assert counted(count, "import job") == text


def test_rows_are_counted_by_their_label() -> None:
    """Records of a stream are records, whatever the stream's name."""
    assert counted_rows(1, "events") == "1 event"
    assert counted_rows(2, "profiles") == "2 profiles"
    assert counted_rows(1, "records of account_snapshots") == "1 record of account_snapshots"


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")],
)
def test_lists_end_with_and(parts: list[str], text: str) -> None:
    """Of nothing there is nothing to say."""
    assert enumeration(iter(parts)) == text


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00"]
)
def test_moments_have_a_zone(text: str) -> None:
    """The one they name, else UTC."""
    assert parse_timestamp(text) == datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("'ada@shop.io' is not valid.", "'…' is not valid."),
        ("Ada <ada+x@shop.io>, bob%40shop.io", "Ada <…>, …"),
        ("Phone +46701234567, (555) 123-4567-89 or 0701 23 45 67", "Phone …, … or …"),
        ("'2026-13-01' is not a valid revision.", "'2026-13-01' is not a valid revision."),
        ("A list with id XyZ123 does not exist.", "A list with id XyZ123 does not exist."),
        ("at least 1,000 of 10,000", "at least 1,000 of 10,000"),
    ],
)
def test_what_names_a_person_stays_out_of_logs(said: str, logged: str) -> None:
    """E-mail addresses and phone numbers are left out, dates and ids are not."""
    assert redact(said) == logged
