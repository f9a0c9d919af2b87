"""The endpoints that change something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.klaviyo import event_intake, profile_intake, resources
from recurly_klaviyo_sandbox.klaviyo.calls import Answer, Call

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.state import State


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
    return resources.one(resources.import_job(job, call), call, status=202)


def import_profile(state: State, call: Call) -> Answer:
    """POST /api/profile-import: 201 for a new profile, 200 for an updated one."""
    profile, new = profile_intake.upsert(state, call.body)
    data = resources.profile(profile, call)
    return resources.one(data, call, status=201 if new else 200)


def create_profile(state: State, call: Call) -> Answer:
    """POST /api/profiles: 201, or 409 when the person is known."""
    profile = profile_intake.create(state, call.body)
    return resources.one(resources.profile(profile, call), call, status=201)


def update_profile(state: State, call: Call) -> Answer:
    """PATCH /api/profiles/{id}."""
    profile = profile_intake.change(state, call.path["id"], call.body)
    return resources.one(resources.profile(profile, call), call)


def merge_profiles(state: State, call: Call) -> Answer:
    """POST /api/profile-merge: 201 before anything is merged (documented)."""
    destination = profile_intake.take_merge(state, call.body)
    here = f"{call.base}/api/profiles/{destination.id}/"
    data = {"type": "profile", "id": destination.id, "links": {"self": here}}
    return resources.one(data, call, status=201)
