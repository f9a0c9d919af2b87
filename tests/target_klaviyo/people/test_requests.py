"""How many questions it takes to know who people are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.target_klaviyo.people.rows import person

from target_klaviyo.people.lookups import (
    MAX_FILTER_BYTES,
    MAX_IDENTIFIERS,
    encoded_length,
    questions,
)

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site

LOOKUPS = "/api/profiles"


@pytest.mark.parametrize("touched", [1, 100, 250, 1000])
def test_an_increment_asks_about_each_person_twice_at_most(site: Site, touched: int) -> None:
    """T touched persons, some of them at a new address, take ceil(T / 100) x 2 + 4 look-ups."""
    rows = [person(f"acc-{it}", f"user{it}@shop.io", Plan="Gold") for it in range(touched)]
    site.profiles(*rows[: touched // 2])
    for row in rows[: touched // 10]:
        row["email"] = f"new.{row['email']}"
    site.recorder.requests.clear()
    site.profiles(*rows)
    assert site.requests(LOOKUPS) - _updates(site) <= math.ceil(touched / 100) * 2 + 4
    assert {each.email for each in site.account.profiles()} == {row["email"] for row in rows}


def test_a_sweep_over_unchanged_people_asks_once_and_writes_nothing(site: Site) -> None:
    """Whoever is found by the anchor under the same address need not be looked for by it."""
    rows = [person(f"acc-{it}", f"user{it}@shop.io", Plan="Gold") for it in range(1000)]
    site.profiles(*rows)
    site.recorder.requests.clear()
    site.profiles(*rows)
    assert site.requests(LOOKUPS) == site.requests() == 10


def test_long_addresses_are_asked_for_in_more_questions(site: Site) -> None:
    """100 addresses of 100 characters do not fit into one address of a request."""
    rows = [
        person(f"acc-{it}", f"{'é' * 60}{it:03d}@{'shop' * 7}.io", Plan="Gold") for it in range(100)
    ]
    run = site.profiles(*rows, *rows)
    assert run.rejects == []
    assert len(site.account.profiles()) == 100


@given(st.lists(st.text(min_size=1, max_size=255)))
def test_questions_hold_every_identifier_once_and_keep_their_size(values: list[str]) -> None:
    """None is lost or asked twice; each question is within count and bytes, or a single one."""
    asked = list(questions(values))
    assert [each for question in asked for each in question] == list(dict.fromkeys(values))
    for question in asked:
        assert len(question) <= MAX_IDENTIFIERS
        size = sum(map(encoded_length, question))
        assert size <= MAX_FILTER_BYTES or len(question) == 1


def _updates(site: Site) -> int:
    return sum(each.method == "PATCH" for each in site.recorder.requests)
