"""Asking Klaviyo who people are: 100 identifiers a request, by external id, then by address.

Whoever is found by external id under the very address of the row is known by both, so that only
the others are looked for by address: a person whom nothing has happened to costs one place in one
request, anybody else two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.endpoints import PROFILES, Call
from target_klaviyo.klaviyo.json_api import next_cursor, resources
from target_klaviyo.klaviyo.outcomes import Success
from target_klaviyo.people.lookups import MAX_IDENTIFIERS, chunks, lookup, questions
from target_klaviyo.people.resolution import Person
from target_klaviyo.writing.pool import Request
from target_klaviyo.writing.sink import halves

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_klaviyo.klaviyo.outcomes import ApiError, Decisive
    from target_klaviyo.people.lookups import Kind
    from target_klaviyo.writing.cases import Case
    from target_klaviyo.writing.dispatcher import Dispatcher


@dataclass(eq=False)
class Inquiry:
    """What is asked about some rows, and who was found so far.

    Attributes:
        unanswered: requests without an answer.
        refused: rows whose identifiers Klaviyo does not take in a question.
    """

    cases: Sequence[Case]
    unanswered: int = 0
    asked_addresses: bool = False
    people: dict[str, Person] = field(default_factory=dict)
    refused: dict[Case, ApiError] = field(default_factory=dict)

    @property
    def unseen_addresses(self) -> set[str]:
        """Addresses that none of those found so far has."""
        seen = {person.email for person in self.people.values()}
        return {
            spelling
            for case in self.cases
            if case.row.email not in seen and case not in self.refused
            for spelling in case.values("email")
        }


@dataclass(eq=False)
class LookUpPeople(Request):
    """A page of the people who bear one of these identifiers."""

    inquiry: Inquiry
    kind: Kind
    values: Sequence[str]
    cursor: str | None = None
    endpoint = PROFILES

    def call(self) -> Call:
        """GET /api/profiles."""
        return lookup(self.kind, self.values, self.cursor)


class Inquirer:
    """Asks Klaviyo about rows."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def ask(self, cases: Iterable[Case], *, after_seconds: float = 0.0) -> None:
        """Ask about rows, as many at a time as one request can hold."""
        kinds: tuple[Kind, ...] = ("external_id", "id")
        for chunk in chunks(cases, lambda case: len(case.row.external_ids), MAX_IDENTIFIERS):
            inquiry = Inquiry(chunk)
            for kind in kinds:
                values = (each for case in chunk for each in sorted(case.values(kind)))
                for asked in questions(values):
                    self._submit(LookUpPeople(inquiry, kind, asked), after_seconds)

    def handle(self, request: LookUpPeople, outcome: Decisive) -> Inquiry | None:
        """Go on by one answer; returns the inquiry if it was the last one.

        Raises:
            KlaviyoError: Klaviyo's answer has another shape.
        """
        inquiry = request.inquiry
        inquiry.unanswered -= 1
        if isinstance(outcome, Success):
            self._note(request, outcome)
        elif len(request.values) > 1:
            for half in halves(request.values):
                self._submit(LookUpPeople(inquiry, request.kind, half))
        else:
            for case in inquiry.cases:
                if request.values[0] in case.values(request.kind):
                    inquiry.refused[case] = outcome.errors[0]
        if not inquiry.unanswered and not inquiry.asked_addresses:
            inquiry.asked_addresses = True
            for asked in questions(sorted(inquiry.unseen_addresses)):
                self._submit(LookUpPeople(inquiry, "email", asked))
        return None if inquiry.unanswered else inquiry

    def _submit(self, request: LookUpPeople, seconds: float = 0) -> None:
        request.inquiry.unanswered += 1
        if seconds:
            self._dispatcher.submit_later(request, seconds)
        else:
            self._dispatcher.submit(request)

    def _note(self, request: LookUpPeople, outcome: Success) -> None:
        """Note who was found; where there are more, the next page is asked for."""
        for resource in resources(outcome.document):
            person = Person.shown(resource)
            request.inquiry.people[person.id] = person
        try:
            cursor = next_cursor(outcome.document)
        except ValueError as error:
            raise KlaviyoError(
                f"What Klaviyo's {request.endpoint.name} endpoint answers cannot be read (its next "
                "page is no address); check the setting 'revision', or upgrade target-klaviyo."
            ) from error
        if cursor is not None and cursor != request.cursor:
            self._submit(LookUpPeople(request.inquiry, request.kind, request.values, cursor))
