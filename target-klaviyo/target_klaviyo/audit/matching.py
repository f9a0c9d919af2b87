"""Finding out which of Klaviyo's events are which of the expected ones."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from target_klaviyo.audit.comparison import CENT
from target_klaviyo.rows.identity import Relation, relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_klaviyo.audit.sightings import Sightings
    from target_klaviyo.audit.store import Candidate


def match(sightings: Sightings, metric: str) -> None:
    """Pair expected and found events of a metric, within the spans being matched.

    By the audit key first; events without it, or not found by it, are the same when second and
    value are, and their profiles may be.
    """
    keyed = (each for each in sightings.expected_unpaired(metric, by_key=True) if each.key)
    for key, group in groupby(keyed, key=attrgetter("key")):
        for expected, found in _closest(list(group), sightings.found_unpaired(key=key)):
            sightings.pair(expected.number, found.number)
    for expected in sightings.moving_elsewhere(metric):
        for found in sightings.found_unpaired(key=expected.key):
            if _within_reach(expected, found):
                sightings.pair(expected.number, found.number)
                break
    for expected in sightings.expected_unpaired(metric):
        for found in sightings.found_unpaired(time=expected.time):
            if same_value(expected, found) and _may_be_one(expected, found):
                sightings.pair(expected.number, found.number)
                break


def same_value(expected: Candidate, found: Candidate) -> bool:
    """Whether the values agree, as far as Klaviyo shows them."""
    if found.value is None:
        return True
    return abs((expected.value or 0.0) - found.value) < CENT


def _closest(
    expected: list[Candidate], found: list[Candidate]
) -> Iterator[tuple[Candidate, Candidate]]:
    """Pairs of one key: the likeliest first, what is left over in order of time."""
    waiting, left = list(expected), list(found)
    for likely in (_same_moment_and_value, _same_moment, _within_reach):
        for each in tuple(waiting):
            other = next((it for it in left if likely(each, it)), None)
            if other is not None:
                waiting.remove(each)
                left.remove(other)
                yield each, other
    yield from zip(waiting, left, strict=False)


def _same_moment_and_value(expected: Candidate, found: Candidate) -> bool:
    return _same_moment(expected, found) and same_value(expected, found)


def _same_moment(expected: Candidate, found: Candidate) -> bool:
    return expected.time == found.time


def _within_reach(expected: Candidate, found: Candidate) -> bool:
    """Whether the found event's time is one that the expected one can have had."""
    return expected.earliest <= found.time <= expected.latest


def _may_be_one(expected: Candidate, found: Candidate) -> bool:
    return relation(expected.identity, found.identity) is not Relation.DIFFERENT
