"""Rows brought to the profiles of their people: asked about, decided, written where they differ.

A row without an `external_id` says all there is to know, and is imported as it is. Any other goes
to Klaviyo in one of four ways: imported anew, imported by the profile's own id, by an update of
one profile (a changed address, or what bulk import cannot clear), or not at all, when the profile
shows all that the row says.

No profile is the subject of two rows at a time. A profile that bears the external id of another
row's account may be about to be taken along to another address: whoever finds one waits until that
row is done, and is asked about again. Where rows wait for each other in a ring, since people have
exchanged addresses, one of them goes first, and is asked about once more after the others.
(docs/klaviyo.md: People)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_klaviyo.klaviyo.endpoints import PROFILES
from target_klaviyo.klaviyo.outcomes import ApiError, NotFound, Success
from target_klaviyo.people.changes import (
    import_anew,
    import_of,
    leaving_fields,
    remaining_fields,
)
from target_klaviyo.people.resolution import Resolution, resolve
from target_klaviyo.rows.contract import ProfileRow, without_nulls
from target_klaviyo.writing.batches import Batcher
from target_klaviyo.writing.bulk_import import (
    AskStatus,
    BulkImporter,
    ReadErrors,
    SubmitProfiles,
)
from target_klaviyo.writing.cases import Case, ImportProfile, MergeProfiles, UpdateProfile
from target_klaviyo.writing.inquiries import Inquirer, LookUpPeople
from target_klaviyo.writing.payloads import profile_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from target_klaviyo.config import Settings
    from target_klaviyo.klaviyo.outcomes import Decisive
    from target_klaviyo.people.resolution import Person
    from target_klaviyo.writing.bulk_import import Ended
    from target_klaviyo.writing.cases import Step
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.pool import Request
    from target_klaviyo.writing.stats import RunStats

MAX_ROUNDS = 3
"""How often a row may be refused, since Klaviyo changed meanwhile, before it is rejected."""

MAX_ROWS_TOGETHER = 2_500
"""Rows in an import: look-ups bring 37,500 a minute at most, and all that wait take memory."""

MAX_TIMES_AHEAD = 3
"""How often a row may go ahead of another that it should wait for."""

FIRST_MERGE_PAUSE_SECONDS = 0.25
MAX_MERGE_PAUSE_SECONDS = 30.0
MAX_MERGE_LOOKS = 12  # about three minutes

_GONE = ApiError("not_found", "The profile is gone", "The profile is gone, time and again.", "")
_MERGE_UNFINISHED = ApiError(
    "", "Merge not finished", "The merge of two profiles of this person has not ended in time.", ""
)


class PeopleResolver:
    """Brings rows to their people."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        stats: RunStats,
        *,
        settings: Settings,
        max_rows: int,
    ) -> None:
        self._dispatcher = dispatcher
        self._importer = BulkImporter(dispatcher, stats, settings.list_id)
        self._counts = stats.people
        self._merges = settings.on_email_change == "merge"
        self._joins_list = settings.list_id is not None  # which is not shown: every row is imported
        self._clears_singly = settings.clear_with == "single"
        self._inquirer = Inquirer(dispatcher)
        self._outgoing = Batcher(profile_size, min(max_rows, MAX_ROWS_TOGETHER))
        self._importing: dict[ProfileRow, Case] = {}
        self._owners: dict[str, Case] = {}  # rows here, by each external id of theirs
        self._addressees: dict[str, Case] = {}  # the same, by address
        self._subjects: dict[str, Case] = {}  # who is at work on a profile, by its id
        self._again: list[Case] = []
        self._stored: list[ProfileRow] = []
        self._rejected: dict[ProfileRow, ApiError] = {}

    def bring(self, rows: Iterable[ProfileRow]) -> None:
        """Take rows of different people, as many as an import can hold."""
        cases = [Case(row) for row in rows]
        anchored = [case for case in cases if case.is_anchored]
        for case in anchored:
            self._owners.update(dict.fromkeys(case.row.external_ids, case))
            if case.row.email is not None:
                self._addressees[case.row.email] = case
        self._counts["looked up"] += len(anchored)
        self._inquirer.ask(anchored)
        self._import_as_they_are([case for case in cases if not case.is_anchored])

    def proceed(self) -> None:
        """Ask again what has to be, and import what has come together."""
        if self._again:
            again, self._again = self._again, []
            self._inquirer.ask(again)
        if not self._dispatcher.under_way(PROFILES):
            self._outgoing.close_batch()
        for rows in self._outgoing.full:
            self._importer.submit(rows)
        self._outgoing.full.clear()

    def handle(self, request: Request, outcome: Decisive) -> Ended:
        """Go on by one answer; returns the rows that have thereby come to an end."""
        if isinstance(request, LookUpPeople):
            inquiry = self._inquirer.handle(request, outcome)
            if inquiry is not None:
                for case in inquiry.cases:
                    if case in inquiry.refused:
                        self._reject(case, inquiry.refused[case])
                    else:
                        self._decide(case, inquiry.people.values())
        elif isinstance(request, SubmitProfiles | AskStatus | ReadErrors):
            imported, refused = self._importer.handle(request, outcome)
            for row in imported:
                self._next_step(self._importing.pop(row))
            for row, error in refused.items():
                self._refused(self._importing.pop(row), error)
        elif isinstance(request, UpdateProfile | MergeProfiles | ImportProfile):
            self._handle_step(request, outcome)
        ended = self._stored, self._rejected
        self._stored, self._rejected = [], {}
        return ended

    def _handle_step(
        self, request: UpdateProfile | MergeProfiles | ImportProfile, outcome: Decisive
    ) -> None:
        if not isinstance(outcome, Success):
            error = _GONE if isinstance(outcome, NotFound) else outcome.errors[0]
            self._refused(request.case, error)
            return
        if isinstance(request, MergeProfiles):
            self._counts["merged"] += 1
            request.case.merging |= {request.source_id}
        elif isinstance(request, UpdateProfile) and request.leaves:
            self._counts["moved"] += 1
        elif isinstance(request, UpdateProfile) and "email" in request.fields:
            self._counts["readdressed"] += 1
        self._next_step(request.case)

    # Deciding.

    def _decide(self, case: Case, found: Collection[Person]) -> None:
        resolution = resolve(case.row, found)
        if case.merging & resolution.profile_ids:
            self._await_merge(case)
            return
        case.merging = frozenset()
        self._release_subjects(case)
        if taken := resolution.profile_ids & self._subjects.keys():
            self._wait_for(case, self._subjects[min(taken)])
            return
        person = resolution.person
        case.foreign = resolution.foreign
        if person is not None and resolution.foreign and self._waits(case, person):
            return
        if case.refusal is not None and case.refusal[0] == resolution.profile_ids:
            self._reject(case, case.refusal[1])
            return
        self._subjects.update(dict.fromkeys(resolution.profile_ids, case))
        case.subjects = resolution.profile_ids
        self._plan(case, resolution)

    def _waits(self, case: Case, person: Person) -> bool:
        """Let a row wait for the one whose account its profile is anchored by, if that is here."""
        owner = self._owners.get(person.external_id or "")
        if owner is None:
            return False
        last: Case | None = owner
        while last is not None and last is not case:
            last = last.waits_for
        if last is case:  # they wait for each other
            case.ahead_of = owner
            return False
        self._wait_for(case, owner)
        return True

    def _wait_for(self, case: Case, owner: Case) -> None:
        case.waits_for = owner
        owner.waiting += (case,)

    def _plan(self, case: Case, resolution: Resolution) -> None:
        """Say what is to be done, and begin with it."""
        person = resolution.person
        steps: list[Step] = []
        if person is not None and self._belongs_to_another(case, person):
            steps.append(_leave(case, person))
            person = None
        if person is None:
            steps.append(import_anew(case.row))
        else:
            fields = remaining_fields(case.row, person, resolution)
            steps += [self._fold(case, each, person) for each in resolution.former]
            if not any(isinstance(each, MergeProfiles) for each in steps):  # else seen after those
                singly = resolution.sets_email or bool(resolution.former)
                steps += self._writes(case, person.id, fields, singly=singly)
        case.steps = tuple(steps)
        self._next_step(case)

    def _belongs_to_another(self, case: Case, person: Person) -> bool:
        """Whether a person who has lost the address leaves it to somebody who still has it."""
        return case.row.email is None and (person.email or "") in self._addressees

    def _fold(self, case: Case, former: Person, person: Person) -> Step:
        """Fold a former profile into the person's.

        A nameless one, known by nothing but our external id, would keep that id for ever (an
        identifier is not cleared when it is the last one): it is always merged.
        """
        if self._merges or former.is_nameless:
            return MergeProfiles(case, former.id, person.id)
        return _leave(case, former)

    def _writes(
        self, case: Case, person_id: str, fields: Mapping[str, Any], *, singly: bool
    ) -> list[Step]:
        """What writes the fields: an import or, since that clears no attributes, an update."""
        steps: list[Step] = []
        if fields and (singly or self._clears_beyond_bulk(fields)):
            steps.append(UpdateProfile(case, person_id, fields))
            fields = {}
        if fields or self._joins_list:  # an update joins no list
            steps.append(import_of(case.row, person_id, fields))
        return steps

    def _clears_beyond_bulk(self, fields: Mapping[str, Any]) -> bool:
        """Whether fields clear what a bulk import does not."""
        _, properties, attributes = without_nulls(fields)
        return bool(attributes or (self._clears_singly and properties))

    # Acting.

    def _import_as_they_are(self, cases: Iterable[Case]) -> None:
        """Import rows of one identifier, which says all; alone where bulk import cannot clear."""
        in_bulk = []
        for case in cases:
            row = case.row
            if self._clears_beyond_bulk(row.fields()):
                case.steps = (ImportProfile(case),)
            if case.steps and not self._joins_list:
                self._next_step(case)
            else:
                case.sent = True
                self._importing[row] = case
                in_bulk.append(row)
        if in_bulk:
            self._importer.submit(in_bulk)

    def _next_step(self, case: Case) -> None:
        if not case.steps:
            if case.merging:
                self._await_merge(case)
            else:
                self._done(case)
            return
        step, *others = case.steps
        case.steps = tuple(others)
        case.sent = True
        if isinstance(step, ProfileRow):
            self._importing[step] = case
            self._outgoing.pack(step)
        else:
            self._dispatcher.submit(step)

    def _await_merge(self, case: Case) -> None:
        """What the merged profile brings along is seen once the merge has ended."""
        case.merge_looks += 1
        if case.merge_looks > MAX_MERGE_LOOKS:
            self._reject(case, _MERGE_UNFINISHED)
            return
        growth: int = 2 ** (case.merge_looks - 1)
        pause = min(MAX_MERGE_PAUSE_SECONDS, FIRST_MERGE_PAUSE_SECONDS * growth)
        self._inquirer.ask([case], after_seconds=pause)

    def _refused(self, case: Case, error: ApiError) -> None:
        """Ask again: Klaviyo may have changed since, by a form, a merge, an erasure.

        What is to be done for the same profiles as before would be refused again, unless questions
        are answered late: a profile is gone, or has got an identifier, and is not shown so yet.
        """
        shown_late = error is _GONE or error.duplicate_id or error.code == "duplicate_profile"
        case.refusal = None if shown_late else (case.subjects, error)
        self._release_subjects(case)
        case.steps = ()
        case.rounds += 1
        if error.duplicate_id:
            case.named |= {error.duplicate_id}
        if case.rounds > MAX_ROUNDS or not case.is_anchored:
            self._reject(case, error)
        else:
            self._again.append(case)

    # Ending.

    def _done(self, case: Case) -> None:
        """The row is written, unless the profile is yet to be taken from under it."""
        self._release_subjects(case)
        self._release_waiting(case)
        owner, case.ahead_of = case.ahead_of, None
        if owner is not None and self._is_here(owner) and case.times_ahead < MAX_TIMES_AHEAD:
            case.times_ahead += 1
            self._wait_for(case, owner)
            return
        self._forget(case)
        self._counts["unchanged"] += not case.sent
        self._counts["foreign"] += case.foreign
        self._stored.append(case.row)

    def _reject(self, case: Case, error: ApiError) -> None:
        self._release_subjects(case)
        self._release_waiting(case)
        self._forget(case)
        self._rejected[case.row] = error

    def _is_here(self, case: Case) -> bool:
        return self._owners.get(case.row.anchor or "") is case

    def _forget(self, case: Case) -> None:
        for each in case.row.external_ids:
            if self._owners.get(each) is case:
                del self._owners[each]
        if self._addressees.get(case.row.email or "") is case:
            del self._addressees[case.row.email or ""]

    def _release_waiting(self, case: Case) -> None:
        """Ask again about the rows that have waited for this one."""
        for other in case.waiting:
            other.waits_for = None
        self._again += case.waiting
        case.waiting = ()

    def _release_subjects(self, case: Case) -> None:
        """Let other rows have the profiles of this one."""
        for subject in case.subjects:
            del self._subjects[subject]
        case.subjects = frozenset()


def _leave(case: Case, former: Person) -> UpdateProfile:
    """Take away from a profile what is the person's."""
    return UpdateProfile(case, former.id, leaving_fields(case.row, former), leaves=True)
