"""Packing: every row goes once, and nothing under way together can be told apart by order."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow
from target_klaviyo.rows.identity import Relation, relation
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.writing.batches import EventBatcher, ProfileBatcher
from target_klaviyo.writing.payloads import bulk_events, bulk_import, entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

Row = TypeVar("Row")
NOW = datetime(2026, 7, 15, tzinfo=timezone.utc)
PARSER = RowParser(now=NOW, live_window=timedelta(days=3))
ORIGIN = Origin("rows", b"{}", b"{}")
PEOPLE = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@b.io", "c@d.io", "e@f.io"]),
        "external_id": st.sampled_from(["1", "2"]),
    },
).filter(bool)
BODY_LIMIT = 1_500


def read_event(person: dict[str, str], unique_id: str, size: int) -> EventRow:
    """An event of some size."""
    row = {
        "metric": "Paid",
        "unique_id": unique_id,
        "time": "2026-07-15",
        "profile": person,
        "properties": {"x": "y" * size},
    }
    return PARSER.parse_event(row, ORIGIN)


EVENTS = st.builds(read_event, PEOPLE, st.sampled_from("abcdefgh"), st.integers(0, 300))
PROFILES = st.builds(
    lambda person, value: PARSER.parse_profile({**person, "properties": {"v": value}}, ORIGIN),
    PEOPLE,
    st.integers(0, 99),
)


def work_off(
    batcher: Any, rows: Sequence[Row], choices: Random
) -> Iterator[tuple[list[Row], list[Row]]]:
    """Pack rows while batches end in any order.

    Yields, time and again, all rows under way and the batch that ends; whoever asks settles it.
    """
    under_way: list[list[Row]] = []
    pending = list(rows)
    while pending or under_way or batcher.held or batcher.open_epoch is not None:
        if pending:
            batcher.add(pending.pop(0))
        else:
            batcher.close_batch()
        under_way += batcher.full
        batcher.full.clear()
        together = [row for batch in under_way for row in batch]
        ends = under_way and (not pending or choices.random() < 0.3)
        yield together, under_way.pop(choices.randrange(len(under_way))) if ends else []


@given(rows=st.lists(EVENTS, max_size=40), choices=st.randoms(use_true_random=False))
def test_every_event_goes_once_and_no_key_is_under_way_twice(
    rows: list[EventRow], choices: Random
) -> None:
    """Each event is stored or a duplicate of one stored; requests keep their limits."""
    batcher = EventBatcher(max_rows=5, max_bytes=BODY_LIMIT)
    stored: list[EventRow] = []
    duplicates: list[EventRow] = []
    for under_way, batch in work_off(batcher, rows, choices):
        assert_distinct(under_way)
        assert len(batch) <= 5
        assert len(batch) <= 1 or len(bulk_events(entries(batch))) <= BODY_LIMIT
        for row in batch:
            stored.append(row)
            duplicates += batcher.row_ended(row, stored=True)
    assert sorted(map(id, [*stored, *duplicates])) == sorted(map(id, rows))


def assert_distinct(rows: list[EventRow]) -> None:
    """No two rows under way could be the same event."""
    for one, other in combinations(rows, 2):
        if one.unique_id == other.unique_id:
            assert relation(one.identity, other.identity) is Relation.DIFFERENT


def test_a_duplicate_of_a_rejected_event_gets_its_chance() -> None:
    """The second of two events with one key goes when the first is refused."""
    batcher = EventBatcher()
    first, second = (read_event({"email": "a@b.io"}, "x", size) for size in (1, 2))
    batcher.add(first)
    batcher.add(second)
    batcher.close_batch()
    assert batcher.full.pop() == [first]
    assert batcher.row_ended(first, stored=False) == []
    batcher.close_batch()
    assert batcher.full.pop() == [second]


@given(rows=st.lists(PROFILES, max_size=30), choices=st.randoms(use_true_random=False))
def test_every_profile_goes_once_in_an_order_that_cannot_matter(
    rows: list[ProfileRow], choices: Random
) -> None:
    """No identifier is under way twice, and each person's rows go in the order they came."""
    batcher = ProfileBatcher(max_rows=4, max_bytes=BODY_LIMIT)
    sent: list[ProfileRow] = []
    for under_way, batch in work_off(batcher, rows, choices):
        identifiers = [each for row in under_way for each in row.identity]
        assert len(identifiers) == len(set(identifiers))
        if batch:
            assert len(batch) <= 4
            assert len(bulk_import(batch, "LIST")) <= BODY_LIMIT
            sent += parts(batch)
            batcher.rows_ended(batch)
    assert sorted(map(id, sent)) == sorted(map(id, rows))
    position = {id(row): index for index, row in enumerate(rows)}
    for email in {dict(row.identity).get("email") for row in rows} - {None}:
        of_person = [position[id(row)] for row in sent if dict(row.identity).get("email") == email]
        assert of_person == sorted(of_person)


def parts(batch: Sequence[ProfileRow]) -> list[ProfileRow]:
    """The rows a batch stands for."""
    return [part for row in batch for part in (row.parts or [row])]
