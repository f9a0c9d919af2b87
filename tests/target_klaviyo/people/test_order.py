"""A person's events wait for the profile rows read before them; nobody else's do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.target_klaviyo.people.rows import person

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site


def feed(sample: Samples, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows as messages: those with a metric are events."""
    messages = [sample.schema("events"), sample.schema("profiles")]
    messages += [sample.record("events" if "metric" in row else "profiles", row) for row in rows]
    return [*messages, sample.state("all")]


@pytest.mark.parametrize("batch_size_rows", [1, 1000])
def test_an_event_goes_to_the_profile_that_was_read_before_it(
    site: Site, sample: Samples, batch_size_rows: int
) -> None:
    """Sent at once, it would make a second profile at the new address."""
    site.profiles(person("acc-1", "old@shop.io", Plan="Gold"))
    (before,) = site.account.profiles()
    run = site.sync(
        feed(
            sample,
            person("acc-1", "new@shop.io", Plan="Gold"),
            sample.event(1, profile={"email": "New@shop.io"}),
            sample.event(2, profile={"external_id": "acc-1"}),
        ),
        batch_size_rows=batch_size_rows,
    )
    assert {(each.profile_id, each.email) for each in site.account.events()} == {
        (before.id, "new@shop.io")
    }
    assert run.states == ["all"]


def test_an_event_of_a_further_account_waits_too(site: Site, sample: Samples) -> None:
    """A row may change hands by any of the ids its person is known by."""
    site.profiles(person("acc-2", Plan="Gold"))
    site.account.add_profile("ada@shop.io")
    site.sync(
        feed(
            sample,
            person("acc-1", "ada@shop.io", "acc-2", Plan="Gold"),
            sample.event(1, profile={"external_id": "acc-1"}),
        )
    )
    (found,) = site.account.profiles()
    assert [each.profile_id for each in site.account.events()] == [found.id]


def test_other_events_do_not_wait(site: Site, sample: Samples) -> None:
    """A full request of other people's events goes while the profiles are still coming."""
    site.account.options.job_polls = 4
    events = [sample.event(it, profile={"email": "eve@shop.io"}) for it in range(1000)]
    site.sync(feed(sample, person("acc-1", "ada@shop.io"), *events))
    paths = [each.path.rsplit("/", 1)[-1] for each in site.recorder.requests]
    asked_at_last = len(paths) - 1 - paths[::-1].index(site.account.jobs[0].id)
    assert paths.index("event-bulk-create-jobs") < asked_at_last


def test_events_that_wait_never_fill_the_memory_for_good(site: Site, sample: Samples) -> None:
    """However many wait for one profile, it is sent before there is no room left."""
    events = [sample.event(it, profile={"email": "ada@shop.io"}) for it in range(25_000)]
    site.recorder.keeps_bodies = False
    run = site.sync(feed(sample, person("acc-1", "ada@shop.io"), *events))
    assert len(site.account.events()) == 25_000
    assert run.states == ["all"]
