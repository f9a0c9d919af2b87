"""Rows whose people are being found out, and the requests that are made for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.klaviyo import endpoints
from target_klaviyo.people import changes
from target_klaviyo.rows.contract import ProfileRow
from target_klaviyo.writing.payloads import single_import
from target_klaviyo.writing.pool import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from target_klaviyo.klaviyo.endpoints import Call
    from target_klaviyo.klaviyo.outcomes import ApiError
    from target_klaviyo.people.lookups import Kind


@dataclass(slots=True, eq=False)
class Case:
    """A row on its way to its person; there are many at a time, so they are kept small.

    Attributes:
        named: profiles that Klaviyo has named as bearing an identifier of the row.
        steps: what is yet to be done, in order; a row among them is to be imported.
        rounds: how often a step was refused.
        refusal: the profiles that the refused step was about, and why it was; None when that may
            pass by itself.
        merging: profiles that Klaviyo has been asked to merge.
        waits_for: a row that has, or may take along, the profile this one has found.
        waiting: the rows that wait so for this one.
        ahead_of: the row it should have waited for, which waits for it in turn.
        sent: something was sent to change Klaviyo, whatever became of it.
        foreign: its profile keeps an external id of somebody else's.
    """

    row: ProfileRow
    named: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()
    subjects: frozenset[str] = frozenset()
    rounds: int = 0
    refusal: tuple[frozenset[str], ApiError] | None = None
    merging: frozenset[str] = frozenset()
    merge_looks: int = 0
    waits_for: Case | None = None
    waiting: tuple[Case, ...] = ()
    ahead_of: Case | None = None
    times_ahead: int = 0
    sent: bool = False
    foreign: bool = False

    @property
    def is_anchored(self) -> bool:
        """Whether Klaviyo may know the person by two identifiers, under two profiles."""
        return self.row.profile_id is None and self.row.anchor is not None

    def values(self, kind: Kind) -> Collection[str]:
        """The identifiers of a kind by which the row is asked about.

        An address as it came and in lower case; `id` are profiles that Klaviyo has named.
        """
        if kind == "external_id":
            return self.row.external_ids
        if kind == "id":
            return self.named
        if self.row.email is None:
            return frozenset()
        return {self.row.email, orjson.loads(self.row.attributes)["email"]}


@dataclass(eq=False)
class UpdateProfile(Request):
    """One profile of a person, by its own id: for an address, and for what bulk cannot clear.

    With `leaves`, the profile is a former one, which the person leaves.
    """

    case: Case
    person_id: str
    fields: Mapping[str, Any]
    leaves: bool = False
    endpoint = endpoints.PROFILE_UPDATE

    def call(self) -> Call:
        """PATCH /api/profiles/{id}."""
        return self.endpoint.call(changes.update(self.person_id, self.fields), of=self.person_id)


@dataclass(eq=False)
class MergeProfiles(Request):
    """A former profile of a person, into the one where they are now."""

    case: Case
    source_id: str
    destination_id: str
    endpoint = endpoints.PROFILE_MERGE

    def call(self) -> Call:
        """POST /api/profile-merge."""
        return self.endpoint.call(changes.merge(self.source_id, self.destination_id))


@dataclass(eq=False)
class ImportProfile(Request):
    """One profile whose person is not looked up, for what bulk import cannot clear."""

    case: Case
    endpoint = endpoints.PROFILE_IMPORT

    def call(self) -> Call:
        """POST /api/profile-import."""
        return self.endpoint.call(single_import(self.case.row))


Step = UpdateProfile | MergeProfiles | ImportProfile | ProfileRow
