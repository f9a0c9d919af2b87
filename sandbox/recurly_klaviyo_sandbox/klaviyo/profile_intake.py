"""The endpoints that change profiles: bulk import, profile-import, create, update, merge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from recurly_klaviyo_sandbox.klaviyo import diagnosis, profiles, resources, rules, values
from recurly_klaviyo_sandbox.klaviyo.errors import INVALID, Problem, Refusal
from recurly_klaviyo_sandbox.klaviyo.jobs import ImportError_, ImportJob
from recurly_klaviyo_sandbox.klaviyo.profiles import Identifiers, IdentityConflictError, Profile
from recurly_klaviyo_sandbox.klaviyo.shapes import (
    ChangedProfileBody,
    ImportedProfile,
    ImportedProfileBody,
    ImportJobBody,
    MergeBody,
    NewProfileBody,
)
from recurly_klaviyo_sandbox.klaviyo.state import Merge

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.calls import Answer, Call
    from recurly_klaviyo_sandbox.klaviyo.shapes import NewProfileAttributes, ProfileMeta
    from recurly_klaviyo_sandbox.klaviyo.state import State

PROFILES_PER_REQUEST = 10_000  # documented
_WAY = ("data", "attributes", "profiles", "data")
_ROWS = f"/{'/'.join(_WAY)}"
_DUPLICATE = "Duplicate email found."  # documented wording
_ID = re.compile("[0-9A-Z]{26}")  # recorded: a ULID
_decode_job = msgspec.json.Decoder(ImportJobBody).decode
_encode = msgspec.json.Encoder().encode


def bulk_import_profiles(state: State, call: Call) -> Answer:
    """POST /api/profile-bulk-import-jobs: 202 and the queued job.

    Documented: the synchronous validation is all or nothing; an invalid phone number passes.

    Raises:
        Refusal: 400 with every problem, 404 for an unknown list.
    """
    found: list[Problem] = []
    lists: tuple[str, ...] = ()
    try:
        sent = _decode_job(call.body).data
        rows = list(enumerate(sent.attributes.profiles.data))
        if sent.relationships and sent.relationships.lists and sent.relationships.lists.data:
            lists = tuple(reference.id for reference in sent.relationships.lists.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        rows, found = diagnosis.salvage(call.body, ImportJobBody, _WAY, ImportedProfile)
    for index, row in rows:
        problems = rules.imported_profile_problems(row, refuse_phones=False)
        found += [problem.below(f"{_ROWS}/{index}") for problem in problems]
    if len(rows) > PROFILES_PER_REQUEST:
        detail = f"A request holds at most {PROFILES_PER_REQUEST:,} profiles, not {len(rows):,}."
        found.append(Problem(_ROWS, detail))
    if found:
        raise Refusal.invalid(found, bulk=True)
    for identifier in lists:
        if state.lists.get(identifier) is None:
            raise Refusal.not_found("list", identifier)
    job = state.jobs.add([row for _, row in rows], lists, state.now())
    return resources.one(resources.import_job(job, call), call, status=202)


def work(state: State, job: ImportJob) -> None:
    """Do what a job has to do: write its rows, keep an error for each that fails."""
    order = list(enumerate(job.rows))
    if state.options.import_order == "reversed":
        order.reverse()
    for index, row in order:
        problem = _import_row(state, job, row)
        if problem is not None:
            identifier, pointer = f"{job.id}-{index}", f"{_ROWS}/{index}{problem.pointer}"
            payload: dict[str, Any] = orjson.loads(_encode(row))
            if state.options.original_payload == "attributes":
                payload = payload["attributes"]
            job.errors.append(ImportError_(identifier, pointer, problem.detail, payload))


def _import_row(state: State, job: ImportJob, row: ImportedProfile) -> Problem | None:
    """Write one row; what is wrong with it, if it cannot be written."""
    attributes = row.attributes
    identifiers = profiles.identifiers(attributes)
    if identifiers.email:
        reason = state.jobs.refusals.get(identifiers.email.lower())
        if reason is not None:
            return Problem("/attributes/email", reason)
    try:
        profile = _profile_for(state, row.id or None, identifiers)
    except IdentityConflictError as conflict:
        winner = state.options.import_conflict
        if winner == "error":
            return Problem("/attributes/email", _DUPLICATE)
        profile, own = conflict.decide(identifiers, "id" if row.id else winner)
        state.profiles.identify(profile, own)
    if profile is None:
        if row.id:
            return Problem("/id", f"A profile with id {row.id} does not exist.")  # assumed
        return Problem("/attributes/phone_number", values.PHONE_DETAIL)  # assumed: its only one
    profiles.merge(profile, attributes, nulls_clear=False)
    profiles.patch(profile, row.meta, unset=state.options.bulk_unset_effective)
    profile.updated = state.now()
    profile.lists += tuple(name for name in job.lists if name not in profile.lists)
    job.profiles.append(profile.number)
    return None


def _profile_for(state: State, identifier: str | None, identifiers: Identifiers) -> Profile | None:
    """The profile to write to, found or created; None when nothing identifies one.

    Raises:
        IdentityConflictError: the identifiers belong to two people.
    """
    book = state.profiles
    if identifier:
        profile = book.get(identifier)
        holders = {"id": profile, **book.holders(identifiers)} if profile else {}
        if len(set(holders.values())) > 1:
            raise IdentityConflictError(holders)
    else:
        profile = book.find(identifiers, external_id_merges=state.options.external_id_merges)
        if profile is None and identifiers:
            profile = book.create(state.now())
    if profile is not None:
        book.identify(profile, identifiers)
    return profile


def import_profile(state: State, call: Call) -> Answer:
    """POST /api/profile-import: 201 for a new profile, 200 for an updated one.

    Raises:
        Refusal: 400 for what is wrong, 404 for an unknown id, and for identifiers of two people
            409 (recorded) or 400 "Duplicate email found" (documented), as switched.
    """
    sent = diagnosis.decode(call.body, ImportedProfileBody).data
    _refuse(rules.imported_profile_problems(sent, refuse_phones=True))
    attributes = sent.attributes
    known = len(state.profiles)
    try:
        profile = _profile_for(state, sent.id or None, profiles.identifiers(attributes))
    except IdentityConflictError as conflict:
        if state.options.conflict_status == 409:  # noqa: PLR2004  (the HTTP status)
            person, *others = conflict.holders.values()
            raise _duplicate(next(each for each in others if each is not person)) from conflict
        problem = Problem("/data/attributes/email", _DUPLICATE)
        raise Refusal.invalid([problem]) from conflict
    if profile is None:
        raise Refusal.not_found("profile", sent.id or attributes.kx or "")
    _write(state, profile, attributes, sent.meta)
    status = 201 if len(state.profiles) > known else 200
    return resources.one(resources.profile(profile, call), call, status=status)


def create_profile(state: State, call: Call) -> Answer:
    """POST /api/profiles: 201 and a new profile.

    Raises:
        Refusal: 400 for what is wrong, 409 when an identifier is taken (documented).
    """
    attributes = diagnosis.decode(call.body, NewProfileBody).data.attributes
    _refuse(rules.profile_problems(attributes))
    _refuse_taken(state, attributes)
    profile = state.profiles.create(state.now())
    state.profiles.identify(profile, profiles.identifiers(attributes))
    _write(state, profile, attributes)
    return resources.one(resources.profile(profile, call), call, status=201)


def update_profile(state: State, call: Call) -> Answer:
    """PATCH /api/profiles/{id}: 200 and the profile as it is now.

    Raises:
        Refusal: 400, 404, or 409 when an identifier is another's (recorded).
    """
    identifier = call.path["id"]
    sent = diagnosis.decode(call.body, ChangedProfileBody).data
    problems = rules.profile_problems(sent.attributes, sent.id)
    if sent.id != identifier:
        problems.append(Problem("/id", "The id differs from the one in the path."))
    _refuse(problems)
    profile = known(state, identifier)
    _refuse_taken(state, sent.attributes, beside=profile)
    state.profiles.identify(profile, profiles.identifiers(sent.attributes))
    _write(state, profile, sent.attributes, sent.meta)
    return resources.one(resources.profile(profile, call), call)


def merge_profiles(state: State, call: Call) -> Answer:
    """POST /api/profile-merge: 201 before anything is merged (documented).

    Raises:
        Refusal: 400 unless there is one other profile to merge, 404 for unknown ids.
    """
    sent = diagnosis.decode(call.body, MergeBody).data
    sources = sent.relationships.profiles.data or []
    if len(sources) != 1 or sources[0].id == sent.id:
        pointer = "/data/relationships/profiles/data"
        raise Refusal.invalid([Problem(pointer, "Send one source, which is another profile.")])
    _, destination = (known(state, identifier) for identifier in (sources[0].id, sent.id))
    due = state.now() + state.options.merge_duration.total_seconds()
    state.merges.append(Merge(sources[0].id, sent.id, due))
    here = f"{call.base}/api/profiles/{destination.id}/"
    data = {"type": "profile", "id": destination.id, "links": {"self": here}}
    return resources.one(data, call, status=201)


def merge(state: State, source_id: str, destination_id: str) -> None:
    """Merge two profiles and their events, if both are still there."""
    source, destination = state.profiles.get(source_id), state.profiles.get(destination_id)
    if source is None or destination is None or source is destination:
        return
    options = state.options
    state.profiles.merge(source, destination, ids_resolve=options.merged_ids_resolve)
    state.events.reassign(source.number, destination.number, keys_known=options.merged_keys_known)
    destination.updated = state.now()


def known(state: State, identifier: str) -> Profile:
    """The profile with that id.

    Raises:
        Refusal: 404, or 400 for what is no id at all (recorded of events; assumed of profiles).
    """
    if not _ID.fullmatch(identifier):
        raise Refusal.one(
            400, "invalid", INVALID, f"'{identifier}' is not a valid id.", pointer="/data/id"
        )
    profile = state.profiles.get(identifier)
    if profile is None:
        raise Refusal.not_found("profile", identifier)
    return profile


def _write(
    state: State,
    profile: Profile,
    attributes: NewProfileAttributes,
    meta: ProfileMeta | msgspec.UnsetType = msgspec.UNSET,
) -> None:
    """Null clears, what is absent stays (documented)."""
    state.profiles.clear_identifiers(profile, attributes)
    profiles.merge(profile, attributes, nulls_clear=True)
    profiles.patch(profile, meta, unset=True)
    profile.updated = state.now()


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refusal.invalid([problem.below("/data") for problem in problems])


def _refuse_taken(
    state: State, attributes: NewProfileAttributes, beside: Profile | None = None
) -> None:
    """Another profile may not have one of these identifiers."""
    for holder in state.profiles.holders(profiles.identifiers(attributes)).values():
        if holder is not beside:
            raise _duplicate(holder)


def _duplicate(holder: Profile) -> Refusal:
    """409 that names the profile which has the identifier (recorded)."""
    return Refusal.one(
        409,
        "duplicate_profile",
        "Conflict.",
        "A profile already exists with one of these identifiers.",
        pointer="/data/attributes",
        meta={"duplicate_profile_id": holder.id},
    )
