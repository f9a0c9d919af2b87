"""Samples: one event of each metric on one profile, so that a flow can be built before real ones.

They are live events, marked by the property `Sample` and a `unique_id` that begins with `sample-`.
A flow that is live would send them on, so they go to no profile that looks like a customer's. The
target cannot ask the source; it refuses a profile with an external id, or with a property that the
transform sets.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit.found import read_profiles
from target_klaviyo.check import brief_api
from target_klaviyo.errors import RowRejected, SettingsError
from target_klaviyo.people.lookups import lookup
from target_klaviyo.rows.contract import SAMPLE_ID_PREFIX, SAMPLE_PROPERTY, Origin
from target_klaviyo.rows.identity import read_identifiers
from target_klaviyo.rows.parser import MAX_UNIQUE_ID_CHARS, RowParser
from target_klaviyo.text import counted, enumeration
from target_klaviyo.writing.event_sink import SendEvents

if TYPE_CHECKING:
    from datetime import datetime

    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import EventRow
    from target_klaviyo.singer.transforms import Transform

LIVE = timedelta(days=1)


def send_samples(
    settings: Settings, transform: Transform | None, email: str | None, *, now: datetime
) -> str:
    """Send the samples; the message says which.

    Args:
        settings: the settings.
        transform: whose metrics they are.
        email: the profile's address.
        now: what they are dated.

    Raises:
        SettingsError: there is no transform with samples, no address, or one of a customer.
        KlaviyoError: Klaviyo cannot be reached, or refuses.
    """
    rows = _rows(settings, transform, email, now)
    with brief_api(settings, safe="some samples may have arrived") as api:
        address = str(email).strip()
        for profile in api.pages(
            lambda _: lookup("email", sorted({address, address.lower()}), None), read_profiles
        ):
            _refuse_customer(profile, getattr(transform, "profile_properties", frozenset()))
        api.ask(SendEvents(rows).call())
    warnings = dict.fromkeys(warning for row in rows for warning in row.warnings)
    said = "".join(f" Klaviyo may not show them: {warning}." for warning in warnings)
    return (
        f"Sent {counted(len(rows), 'sample')} to that profile, marked by the property "
        f"'{SAMPLE_PROPERTY}': {enumeration(row.metric for row in rows)}. They are live: a flow "
        f"that is switched on acts on them.{said}"
    )


def _rows(
    settings: Settings, transform: Transform | None, email: str | None, now: datetime
) -> list[EventRow]:
    make_samples = getattr(transform, "samples", None)
    if make_samples is None:
        raise SettingsError(
            "--samples needs the setting 'transform' to name a transform that makes samples, such "
            "as recurly."
        )
    if not email:
        raise SettingsError("--samples needs an address of your own: add --email you@example.org.")
    try:
        read_identifiers({"email": email})
        parser = RowParser(now=now, live_window=max(settings.live_window, LIVE))
        return [
            parser.parse_event(_addressed(row, email, now), Origin("samples", b"", b""))
            for row in make_samples(now)
        ]
    except RowRejected as rejection:
        raise SettingsError(f"The samples cannot be sent: {rejection.reason}") from rejection


def _addressed(row: dict[str, Any], email: str, now: datetime) -> dict[str, Any]:
    """A sample for the address; one of another minute is another event."""
    return {
        **row,
        "unique_id": f"{SAMPLE_ID_PREFIX}{now:%Y%m%d%H%M%S}-{row['unique_id']}"[
            :MAX_UNIQUE_ID_CHARS
        ],
        "profile": {"email": email},
        "properties": {**row["properties"], SAMPLE_PROPERTY: True},
    }


def _refuse_customer(profile: dict[str, Any], properties: frozenset[str]) -> None:
    held = profile.get("properties")
    marks = [f"the property '{name}'" for name in sorted(properties & set(held or ()))]
    if profile.get("external_id"):
        marks.insert(0, "an external id")
    if marks:
        raise SettingsError(
            f"The profile with that address looks like a customer's, for it has "
            f"{enumeration(marks)}: no sample was sent; give an address that belongs to none."
        )
