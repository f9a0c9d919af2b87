"""Single values: addresses, phone numbers, times, and what properties may hold."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.klaviyo import values


@pytest.mark.parametrize("raw", [b'{"n":1e999}', b'{"s":"\\ud800"}', b'{"n":-1E+400}'])
def test_what_is_no_json_after_all_is_found(raw: bytes) -> None:
    """Numbers without bounds and halves of characters pass a lenient parser, not this."""
    assert len(values.property_problems(raw)) == 1


@given(
    moment=st.datetimes(
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001  (the strategy adds the zone)
        timezones=st.timezones(),
    )
)
@example(moment=datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=timezone(timedelta(hours=3))))
def test_times_are_read_as_python_reads_them(moment: datetime) -> None:
    """Any ISO 8601 time is the second it names, truncated."""
    offset = moment.utcoffset()
    if offset is not None and offset.total_seconds() % 60 == 0:
        assert values.epoch_second(moment.isoformat()) == int(
            (moment.replace(microsecond=0).astimezone(timezone.utc) - values.EPOCH).total_seconds()
        )


@given(text=st.text(alphabet="0123456789-+:TZ. ", max_size=30))
def test_times_never_break(text: str) -> None:
    """Whatever looks a little like a time is one or is not; nothing is raised."""
    values.epoch_second(text)


@given(email=st.emails())
def test_addresses_of_the_usual_form_pass(email: str) -> None:
    """Addresses that RFC 5322 allows without quoting are taken, up to their length."""
    assert values.is_email(email) is (len(email) <= values.EMAIL_LENGTH)


@pytest.mark.parametrize(
    ("phone", "good"),
    [
        ("+46701234567", True),
        ("+1234567", True),
        ("46701234567", False),
        ("+0701234567", False),
        ("+46 70 123", False),
        ("+1234567890123456", False),
        ("", False),
        ("+4670123456\uff17", False),
    ],
)
def test_phones_are_e164(phone: str, *, good: bool) -> None:
    """A plus, no leading zero, 7 to 15 digits, nothing else."""
    assert values.is_phone(phone) is good
