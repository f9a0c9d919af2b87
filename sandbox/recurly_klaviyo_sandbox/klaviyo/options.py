"""What about this Klaviyo can be chosen: its account, its pace, and every fact nobody verified.

A rule in this package carries one of four tags. *Recorded*: answers of real accounts that others
published show it. *Documented*: Klaviyo's reference, guides or OpenAPI document say so. *Reported*:
others say that they measured it. *Assumed*: nobody says anything, and this is the reading that is
hardest on a client. Whatever is assumed and could matter is an option here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(slots=True)
class Options:
    """Every choice, with the default that is documented or, failing that, hardest on a client."""

    # The account, as GET /api/accounts tells it (documented fields).
    timezone: str = "Europe/Stockholm"
    preferred_currency: str = "USD"
    organization_name: str = "Sandbox Store"
    test_account: bool = True

    # Pace.
    limits: bool = True  # documented: a burst and a steady window per endpoint
    first_window: Literal["burst", "steady", "alternating"] = (
        "burst"  # recorded: what the RateLimit headers speak of
    )
    visibility_lag: timedelta = timedelta(0)  # documented: up to minutes; zero keeps tests short

    # Import jobs.
    job_polls: int = 1  # status reads that still find a job unfinished
    job_duration: timedelta = timedelta(seconds=2)  # after it a job ends, polled or not
    import_order: Literal["sent", "reversed"] = (
        "sent"  # documented: order is not guaranteed, so try "reversed"
    )
    original_payload: Literal["resource", "attributes"] = (
        "resource"  # assumed: an import error shows the row as sent
    )
    bulk_unset_effective: bool = True  # assumed: the schema allows it, its effect is unverified

    # What is accepted.
    accept_gzip: bool = False  # assumed: no page says that Content-Encoding is understood
    accept_plain_json: bool = True  # reported: clients in the field send application/json
    dropped_domains: tuple[str, ...] = ("example.com", "test.com")  # documented, for events
    fall_forward: bool = True  # reported: a retired revision does, unless the header opts out
    longest_url: int = 8_190  # assumed, bytes: as the usual web servers, which answer 414

    # Who is who.
    external_id_merges: bool = True  # documented in a guide; an older page says the contrary
    conflict_status: Literal[400, 409] = 409  # recorded 409, documented 400, on profile-import
    import_conflict: Literal["error", "email", "external_id"] = (
        "error"  # assumed for rows in bulk; others: who wins
    )
    event_conflict: Literal["email", "external_id", "drop"] = (
        "email"  # assumed: the address wins; "drop" loses the event
    )
    merge_duration: timedelta = timedelta(seconds=2)  # documented: merges are asynchronous
    merged_ids_resolve: bool = True  # recorded: a merged profile's id leads on "for a while"
    merged_keys_known: bool = True  # assumed: its unique_ids are known when they are sent again

    # What is shown.
    show_event_id: bool = True  # recorded: `$event_id` is among an API event's properties
    absent_links: Literal["null", "omitted"] = "null"  # recorded; OpenAPI knows strings only
