"""The endpoints that change something."""

from __future__ import annotations

from recurly_klaviyo_sandbox.klaviyo import (
    diagnosis,
    event_intake,
    profile_intake,
    resources,
    values,
)
from recurly_klaviyo_sandbox.klaviyo.calls import Answer, Call
from recurly_klaviyo_sandbox.klaviyo.errors import Problem, Refusal
from recurly_klaviyo_sandbox.klaviyo.lists import ListBody, SubscriptionBody
from recurly_klaviyo_sandbox.klaviyo.state import Consent, State

SUBSCRIPTIONS_PER_REQUEST = 1_000  # documented


def create_event(state: State, call: Call) -> Answer:
    """POST /api/events: 202 without a body (documented)."""
    event_intake.take_single(state, call.body, call.revision)
    return Answer(202)


def bulk_create_events(state: State, call: Call) -> Answer:
    """POST /api/event-bulk-create-jobs: 202 without body, job id or status (documented)."""
    event_intake.take_bulk(state, call.body)
    return Answer(202)


def bulk_import_profiles(state: State, call: Call) -> Answer:
    """POST /api/profile-bulk-import-jobs: 202 and the queued job."""
    job = profile_intake.take_import(state, call.body)
    return resources.one(resources.import_job(job, call.query.fields, call.base), call, status=202)


def import_profile(state: State, call: Call) -> Answer:
    """POST /api/profile-import: 201 for a new profile, 200 for an updated one."""
    profile, new = profile_intake.upsert(state, call.body)
    data = resources.profile(profile, call.query.fields, call.base)
    return resources.one(data, call, status=201 if new else 200)


def create_profile(state: State, call: Call) -> Answer:
    """POST /api/profiles: 201, or 409 when the person is known."""
    profile = profile_intake.create(state, call.body)
    return resources.one(resources.profile(profile, call.query.fields, call.base), call, status=201)


def update_profile(state: State, call: Call) -> Answer:
    """PATCH /api/profiles/{id}."""
    profile = profile_intake.change(state, call.path["id"], call.body)
    return resources.one(resources.profile(profile, call.query.fields, call.base), call)


def merge_profiles(state: State, call: Call) -> Answer:
    """POST /api/profile-merge: 201 before anything is merged (documented)."""
    destination = profile_intake.take_merge(state, call.body)
    here = f"{call.base}/api/profiles/{destination.id}/"
    data = {"type": "profile", "id": destination.id, "links": {"self": here}}
    return resources.one(data, call, status=201)


def create_list(state: State, call: Call) -> Answer:
    """POST /api/lists."""
    attributes = diagnosis.decode(call.body, ListBody).data.attributes
    if not attributes.name:
        raise Refusal.invalid([Problem("/data/attributes/name", "A list needs a name.")])
    created = state.lists.create(
        attributes.name, state.now(), attributes.opt_in_process or "double_opt_in"
    )
    data = resources.profile_list(created, call.query.fields, call.base)
    return resources.one(data, call, status=201)


def subscribe_profiles(state: State, call: Call) -> Answer:
    """POST /api/profile-subscription-bulk-create-jobs, as far as a consent log goes.

    The sandbox stores who would be subscribed, so that a test can see that nobody was.
    """
    job = diagnosis.decode(call.body, SubscriptionBody).data
    rows = job.attributes.profiles.data
    base = "/data/attributes/profiles/data"
    found: list[Problem] = []
    if len(rows) > SUBSCRIPTIONS_PER_REQUEST:
        found.append(Problem(base, f"At most {SUBSCRIPTIONS_PER_REQUEST:,} profiles a request."))
    for index, row in enumerate(rows):
        email, phone = row.attributes.email, row.attributes.phone_number
        if email and not values.is_email(email):
            found.append(Problem(f"{base}/{index}/attributes/email", values.EMAIL_DETAIL))
        if phone and not values.is_phone(phone):
            found.append(Problem(f"{base}/{index}/attributes/phone_number", values.PHONE_DETAIL))
        if not (email or phone):
            found.append(Problem(f"{base}/{index}/attributes", "Send 'email' or 'phone_number'."))
    if found:
        raise Refusal.invalid(found, bulk=True)
    target = ""
    if job.relationships and job.relationships.list and job.relationships.list.data:
        target = job.relationships.list.data.id
        if state.lists.get(target) is None:
            raise Refusal.not_found("list", target)
    state.consents.extend(
        Consent(
            row.attributes.email or None,
            row.attributes.phone_number or None,
            target,
            tuple(row.attributes.subscriptions),
        )
        for row in rows
    )
    return Answer(202)
