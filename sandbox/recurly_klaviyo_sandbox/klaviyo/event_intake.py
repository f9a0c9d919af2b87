"""From the body of a request to stored events.

Validation is all or nothing and names every problem (documented); what follows is asynchronous
at Klaviyo, so it never fails a request: 202 does not mean stored (documented).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from recurly_klaviyo_sandbox.klaviyo import diagnosis, profiles, rules, values
from recurly_klaviyo_sandbox.klaviyo.calls import Answer
from recurly_klaviyo_sandbox.klaviyo.errors import Problem, Refusal
from recurly_klaviyo_sandbox.klaviyo.events import StoredEvent
from recurly_klaviyo_sandbox.klaviyo.metrics import API
from recurly_klaviyo_sandbox.klaviyo.profiles import IdentityConflictError
from recurly_klaviyo_sandbox.klaviyo.shapes import (
    BulkEntry,
    BulkEventProfile,
    EventAttributes,
    EventBody,
    EventJobBody,
    LatestEventBody,
    ProfileMeta,
    SingleEventProfile,
)

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.calls import Call
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile
    from recurly_klaviyo_sandbox.klaviyo.shapes import EventProfileAttributes
    from recurly_klaviyo_sandbox.klaviyo.state import State

EVENTS_PER_REQUEST = 1_000  # documented
_WAY = ("data", "attributes", "events-bulk-create", "data")
_ENTRIES = f"/{'/'.join(_WAY)}"
_decode_job = msgspec.json.Decoder(EventJobBody).decode
_META_BESIDE = "2026-10-15"  # documented: since then for single events, too


def bulk_create_events(state: State, call: Call) -> Answer:
    """POST /api/event-bulk-create-jobs: 202 without body, job id or status (documented).

    Raises:
        Refusal: 400 with every problem, and then nothing is stored.
    """
    found: list[Problem] = []
    try:
        entries = list(enumerate(_decode_job(call.body).data.attributes.events.data))
    except (msgspec.DecodeError, UnicodeDecodeError):
        entries, found = diagnosis.salvage(call.body, EventJobBody, _WAY, BulkEntry)
    found.extend(_entry_problems(entries, state))
    if found:
        raise Refusal.invalid(found, bulk=True)
    now = state.now()
    stored: list[StoredEvent] = []
    for _, entry in entries:
        attributes = entry.attributes
        profile = attributes.profile.data
        person = _person(state, profile, profile.meta, now)
        if person is not None:
            always = attributes.backfill is True
            stored.extend(
                _new_event(state, event.attributes, person, now, backfill=always)
                for event in attributes.events.data
            )
    state.events.add(stored)
    return Answer(202)


def create_event(state: State, call: Call) -> Answer:
    """POST /api/events: 202 without a body (documented).

    Raises:
        Refusal: 400 with every problem.
    """
    event: EventAttributes
    profile: SingleEventProfile | BulkEventProfile
    if call.revision >= _META_BESIDE:
        event = latest = diagnosis.decode(call.body, LatestEventBody).data.attributes
        profile = latest.profile.data
        meta = latest.profile.data.meta
    else:
        event = single = diagnosis.decode(call.body, EventBody).data.attributes
        profile = single.profile.data
        meta = single.profile.data.attributes.meta
    now = state.now()
    base = "/data/attributes"
    found = [problem.below(base) for problem in rules.event_problems(event, now)]
    found += [
        problem.below(f"{base}/profile/data") for problem in rules.event_profile_problems(profile)
    ]
    if found:
        raise Refusal.invalid(found)
    person = _person(state, profile, meta, now)
    if person is not None:
        state.events.add([_new_event(state, event, person, now, backfill=False)])
    return Answer(202)


def _entry_problems(entries: list[tuple[int, BulkEntry]], state: State) -> list[Problem]:
    found: list[Problem] = []
    seen: set[tuple[str | None, str, str]] = set()
    count = 0
    now = state.now()
    for index, entry in entries:
        profile = entry.attributes.profile.data
        here = f"{_ENTRIES}/{index}/attributes"
        found += [
            problem.below(f"{here}/profile/data")
            for problem in rules.event_profile_problems(profile)
        ]
        identity = _identity(profile)
        for position, event in enumerate(entry.attributes.events.data):
            count += 1
            problems = rules.event_problems(event.attributes, now)
            unique_id = event.attributes.unique_id
            if unique_id:
                key = (identity, event.attributes.metric.data.attributes.name, unique_id)
                if key in seen:  # documented: this fails the whole request
                    problems.append(
                        Problem("/unique_id", "The unique_id occurs twice in this request.")
                    )
                seen.add(key)
            at = f"{here}/events/data/{position}/attributes"
            found += [problem.below(at) for problem in problems]
    if count > EVENTS_PER_REQUEST:
        detail = f"A request holds at most {EVENTS_PER_REQUEST:,} events, not {count:,}."
        found.append(Problem(_ENTRIES, detail))
    return found


def _identity(profile: BulkEventProfile) -> str | None:
    attributes = profile.attributes
    if attributes.email:
        return attributes.email.lower()
    return (
        profile.id
        or attributes.phone_number
        or attributes.external_id
        or attributes.anonymous_id
        or attributes.kx
        or None
    )


def _person(
    state: State,
    profile: BulkEventProfile | SingleEventProfile,
    meta: ProfileMeta | msgspec.UnsetType,
    now: float,
) -> Profile | None:
    """The profile that gets the events, created or updated; None when they are dropped."""
    attributes = profile.attributes
    domain = (attributes.email or "").rpartition("@")[2].lower()
    if domain in state.options.dropped_domains:
        return None  # documented: dropped silently
    # Assumed: with an unknown id they are dropped.
    find = state.profiles.get
    person = find(profile.id) if profile.id else _identified(state, attributes, now)
    if person is None:
        return None
    if attributes.anonymous_id:
        state.profiles.browsers[attributes.anonymous_id] = person
    profiles.merge(person, attributes, nulls_clear=False)
    profiles.patch(person, meta, unset=True)
    return person


def _identified(state: State, attributes: EventProfileAttributes, now: float) -> Profile | None:
    """The profile that the identifiers mean, new if need be, with all of them."""
    book, options = state.profiles, state.options
    identifiers = profiles.identifiers(attributes)
    try:
        person = book.find(identifiers, external_id_merges=options.external_id_merges)
    except IdentityConflictError as conflict:
        if options.event_conflict == "drop":
            return None
        person, identifiers = conflict.decide(identifiers, options.event_conflict)
    if person is None and attributes.anonymous_id and not identifiers:
        person = book.browsers.get(attributes.anonymous_id)
    if person is None:
        if not (identifiers or attributes.anonymous_id):
            return None  # assumed: nothing but an invalid phone number or an unknown _kx
        person = book.create(now)
    book.identify(person, identifiers)
    return person


def _new_event(
    state: State, event: EventAttributes, person: Profile, now: float, *, backfill: bool
) -> StoredEvent:
    metric = state.metrics.ensure(event.metric.data.attributes.name, API, now)
    moment = values.epoch_second(event.time) if event.time else None
    time = int(now) if moment is None else moment  # documented: receipt time by default
    if person.last_event is None or person.last_event < time:
        person.last_event = time
    # Assumed: the event's own word counts; without one the entry's.
    own = event.backfill
    return StoredEvent(
        metric.number,
        person.number,
        event.unique_id or time,  # documented: without it the key is the time to the second
        time,
        float(event.value) if isinstance(event.value, (int, float)) else None,
        event.value_currency or None,
        own if isinstance(own, bool) else backfill,
        now,
        bytes(event.properties),
    )
