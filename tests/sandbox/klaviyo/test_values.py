"""Single values: the quick checks must never let through what the thorough ones refuse."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.klaviyo import values

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(properties=st.dictionaries(st.text(), _JSON))
@example(properties={"n": 2**63})
@example(properties={"n": -(2**63) - 1})
@example(properties={str(number): 0 for number in range(401)})
@example(properties={"a": [0] * 4_001})
@example(properties={"a": [[[[[[[[[[1]]]]]]]]]]})
@example(properties={"s": "x" * 100_001})
def test_the_quick_check_convicts_whoever_the_thorough_one_does(
    properties: dict[str, object],
) -> None:
    """Properties that pass without being parsed have no flaw when looked at closely."""
    raw = json.dumps(properties, separators=(",", ":")).encode()
    assert not (values.surely_sound(raw) and values.examine(raw))


@pytest.mark.parametrize("raw", [b'{"n":1e999}', b'{"s":"\\ud800"}', b'{"n":-1E+400}'])
def test_what_is_no_json_after_all_is_found(raw: bytes) -> None:
    """Numbers without bounds and halves of characters pass a quick parser, not this."""
    assert len(values.flaws(raw)) == 1


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
