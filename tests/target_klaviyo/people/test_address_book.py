"""Events go to where their person's profile row said, whatever address they come with."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from tests.target_klaviyo.people.rows import person, shown

from target_klaviyo.errors import RowRejected
from target_klaviyo.people.address_book import AddressBook
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site

    from target_klaviyo.rows.contract import EventRow, ProfileRow

PARSER = RowParser(now=datetime(2026, 4, 1, tzinfo=timezone.utc), live_window=timedelta(days=3))
ORIGIN = Origin("events", b"", b"")
OLD, NEW = {"email": "old@mail.dev"}, {"email": "new@mail.dev"}


def event(profile: dict[str, Any], known_as: Any) -> EventRow:
    """A parsed event of somebody."""
    row = {"metric": "Paid", "unique_id": "u", "time": "2026-01-01T00:00:00Z", "profile": profile}
    return PARSER.parse_event({**row, "known_as": known_as}, ORIGIN)


def profile(*what: str) -> ProfileRow:
    """A parsed profile row."""
    return PARSER.parse_profile(person(*what), ORIGIN)


@pytest.mark.parametrize(
    ("told", "known_as", "goes_to"),
    [
        (("acc", "old@mail.dev"), "acc", OLD),
        (("acc", "OLD@mail.dev"), "acc", OLD),
        (("acc", "new@mail.dev"), "acc", NEW),
        (("acc",), "acc", {"external_id": "acc"}),
        (("acc", "old@mail.dev"), "another", NEW),
        (("first", "old@mail.dev", "acc"), "acc", NEW),
        (("7", "old@mail.dev"), 7, OLD),
        (("acc", "old@mail.dev"), None, NEW),
        (("acc", "old@mail.dev"), "", NEW),
    ],
)
def test_an_event_goes_to_the_address_of_its_persons_row(
    told: tuple[str, ...], known_as: Any, goes_to: dict[str, str]
) -> None:
    """The anchor decides: not another id of the person's, which may be about to part from them."""
    book = AddressBook()
    book.note(profile(*told))
    row = book.addressed(event({**NEW, "first_name": "Ann"}, known_as))
    assert dict(row.identity) == goes_to
    assert orjson.loads(row.profile)["attributes"] == {**goes_to, "first_name": "Ann"}


def test_of_several_rows_the_last_counts() -> None:
    """An address that a later row of the run tells takes the place of the one before."""
    book = AddressBook()
    for address in ("older@mail.dev", "old@mail.dev"):
        book.note(profile("acc", address))
    assert dict(book.addressed(event(NEW, "acc")).identity) == OLD


@pytest.mark.parametrize("known_as", [1.5, True, ["acc"], {"id": "acc"}])
def test_what_is_no_id_is_rejected(known_as: Any) -> None:
    """An event whose known_as can be nobody's id is a reject, with a sentence."""
    with pytest.raises(RowRejected, match="known_as is not a text"):
        event(NEW, known_as)


def test_an_address_that_changes_during_a_run(site: Site) -> None:
    """Who gets a new address between profile row and event is one person in the next run too."""
    paid = {"metric": "Paid", "time": "2026-01-01T00:00:00Z", "known_as": "acc", "profile": NEW}
    for address, unique_id in (("old", "1"), ("new", "2"), ("new", "1")):
        row = person("acc", f"{address}@mail.dev", Plan="Gold")
        people = site.messages("profiles", [row])
        site.sync(people + site.messages("events", [{**paid, "unique_id": unique_id}]))
    assert shown(site) == {("new@mail.dev", "acc", "Gold")}
    assert sorted(str(each.unique_id) for each in site.account.events()) == ["1", "2"]
