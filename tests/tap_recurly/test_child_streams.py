"""Lists of which every parent has its own: asked when it changed, and all of them at times."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly.streams import STREAMS
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

STREAM = "account_notes"
REFUSED = json.dumps({"error": {"type": "bad_request", "message": "No."}}).encode()


@pytest.fixture(autouse=True)
def _accounts_with_notes(site: HandmadeSite) -> None:
    """Twenty accounts, the last changed a day ago, each with a note."""
    site.fill("/accounts", 20)
    for index in range(20):
        write_note(site, index, "first")


def write_note(site: HandmadeSite, account: int, text: str) -> None:
    """Write a note down; the account does not show it."""
    site.put(f"/accounts/accounts-{account}/notes", f"note-{account}-{text}", message=text)


def accounts_asked(site: HandmadeSite) -> list[str]:
    """Which accounts' notes were asked for since the last look."""
    asked = [path.split("/")[2] for _, path, _ in site.requests if path.endswith("/notes")]
    site.requests.clear()
    return asked


def notes(run: Run) -> list[str]:
    """The ids of the notes that came, in order."""
    return [row["id"] for row in run.records(STREAM)]


def test_first_run_asks_every_parent_once(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """The first run gives every list, in the order of the parents, with the parent's id."""
    run = sync([STREAM])
    assert run.code == 0, run.stderr
    assert notes(run) == [f"note-{index}-first" for index in range(20)]
    assert [row["account_id"] for row in run.records(STREAM)] == [
        f"accounts-{index}" for index in range(20)
    ]
    assert len(accounts_asked(site)) == 20


def test_unchanged_parents_are_not_asked(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A run without changes costs two requests, and one more for each parent that changed."""
    first = sync([STREAM])
    site.requests.clear()
    site.now += timedelta(hours=1)
    second = sync([STREAM], state=first.state)
    assert notes(second) == []
    assert len(site.requests) == 2
    site.put("/accounts", "accounts-7")
    write_note(site, 7, "second")
    accounts_asked(site)
    third = sync([STREAM], state=second.state)
    assert accounts_asked(site) == ["accounts-7"]
    assert notes(third) == ["note-7-second", "note-7-first"]


def test_silent_children_are_swept(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """After `account_sweep_hours` every parent is asked: its times do not tell of its children."""
    first = sync([STREAM])
    write_note(site, 3, "silent")
    site.now += timedelta(hours=23)
    early = sync([STREAM], state=first.state)
    assert notes(early) == []
    site.now += timedelta(hours=1)
    never = sync([STREAM], state=early.state, account_sweep_hours=0)
    assert notes(never) == []
    due = sync([STREAM], state=early.state)
    assert len(notes(due)) == 21
    bookmark = due.state["bookmarks"][STREAM]
    assert bookmark["last_sweep"] == bookmark["replication_key_value"] == "2024-06-02T12:00:00Z"
    assert notes(sync([STREAM], state=due.state)) == []


def test_full_table_asks_everybody_every_time(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """With FULL_TABLE forced every run asks every parent, changed or not."""
    forced = {"forced-replication-method": "FULL_TABLE"}
    first = sync([STREAM], metadata=forced)
    site.now += timedelta(hours=1)
    assert len(notes(sync([STREAM], state=first.state, metadata=forced))) == 20


def test_stopped_sweep_goes_on_where_it_was(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """What a stopped sweep has asked is not asked again; the sweep counts from its beginning."""
    first = sync([STREAM])
    site.now += timedelta(days=1)
    accounts_asked(site)

    def refuse_the_tenth(_method: str, path: str, _params: dict[str, str]) -> Answer | None:
        return (400, {}, REFUSED) if path == "/accounts/accounts-10/notes" else None

    site.before = refuse_the_tenth
    stopped = sync([STREAM], state=first.state, lookback_seconds=0)
    assert stopped.code == 1
    assert notes(stopped) == [f"note-{index}-first" for index in range(10)]
    site.before = lambda *_: None
    site.now += timedelta(hours=1)
    accounts_asked(site)
    resumed = sync([STREAM], state=stopped.state, lookback_seconds=0)
    again = {f"accounts-{index}" for index in range(9, 20)}  # 9: the second it stopped in
    assert {*accounts_asked(site)} == again
    assert notes(resumed)[-1] == "note-19-first"
    bookmark = resumed.state["bookmarks"][STREAM]
    assert bookmark["last_sweep"] == "2024-06-02T12:00:00Z"
    assert bookmark["replication_key_value"] == "2024-06-02T13:00:00Z"
    assert "sweep_began" not in bookmark


def test_stopped_first_run_goes_on(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """However often the first run is stopped, in the end every parent has been asked."""
    state: dict[str, Any] = {}
    seen: set[str] = set()
    for broken in (5, 11, 16, None):

        def refuse_one(
            _method: str, path: str, _params: dict[str, str], broken: int | None = broken
        ) -> Answer | None:
            return (400, {}, REFUSED) if path == f"/accounts/accounts-{broken}/notes" else None

        site.before = refuse_one
        run = sync([STREAM], state=state)
        state = run.state
        seen |= {*notes(run)}
    assert run.code == 0
    assert len(seen) == 20


def test_start_date_bounds_the_first_read(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Parents older than `start_date` are not asked at first."""
    start = (site.now - timedelta(days=1, minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    run = sync([STREAM], start_date=start)
    assert notes(run) == [f"note-{index}-first" for index in (17, 18, 19)]


def test_parent_that_has_gone_has_no_rows(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A 404 for one parent's list is a parent that has gone since it was listed."""
    site.before = lambda _method, path, _params: (
        site.delete("/accounts", "accounts-4") if path.endswith("-4/notes") else None
    )
    run = sync([STREAM])
    assert run.code == 0, run.stderr
    assert len(notes(run)) == 19


@pytest.mark.parametrize("status", [400, 404])
def test_list_that_breaks_off_is_an_error(
    site: HandmadeSite, sync: Callable[..., Run], status: int
) -> None:
    """A refusal in the middle of one parent's list is a sentence, never a quiet end."""
    for number in range(30):
        write_note(site, 4, f"{number:02}")
    site.before = lambda _method, path, params: (
        (status, {}, REFUSED) if path.endswith("-4/notes") and "cursor" in params else None
    )
    run = sync([STREAM])
    assert run.code == 1
    assert "/accounts/accounts-4/notes" in run.stderr
    assert notes(run) == [f"note-{index}-first" for index in range(4)]


def test_streams_per_parent_wait_to_be_selected(
    site: HandmadeSite, tap: Callable[..., Run]
) -> None:
    """A run without a catalog makes no request per parent but what snapshots need."""
    run = tap()
    assert run.code == 0, run.stderr
    assert accounts_asked(site) == []
    opted_in = {stream.name for stream in STREAMS if not stream.selected_by_default}
    assert opted_in == {stream.name for stream in STREAMS if "{" in stream.path}


def test_parents_whose_times_say_nothing(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A parent with a time that is none is asked all the same, and stops nobody."""
    rows = [{"id": f"accounts-{index}", "updated_at": "once"} for index in range(3)]
    body = json.dumps({"data": rows, "has_more": False}).encode()
    site.before = lambda _method, path, _params: (200, {}, body) if path == "/accounts" else None
    run = sync([STREAM])
    assert run.code == 0, run.stderr
    assert notes(run) == [f"note-{index}-first" for index in range(3)]


def test_feature_the_site_does_not_have(
    site: HandmadeSite, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, however many parents there are; the other streams are read."""
    body = json.dumps({"error": {"type": "missing_feature", "message": "No notes."}}).encode()
    site.before = lambda _method, path, _params: (
        (422, {}, body) if path.endswith("/notes") else None
    )
    run = sync([STREAM, "accounts"])
    assert run.code == 0, run.stderr
    assert len(run.records("accounts")) == 20
    assert caplog.text.count("No notes") == 1
    assert "replication_key_value" not in run.state["bookmarks"].get(STREAM, {})


def test_only_bulk_coupons_have_unique_codes(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A coupon with a single code costs no request; of a bulk coupon every code comes."""
    site.put("/coupons", "one", coupon_type="single_code")
    site.put("/coupons", "bulk", coupon_type="bulk")
    for number in range(450):
        site.put("/coupons/bulk/unique_coupon_codes", f"code{number:03}")
    run = sync(["unique_coupon_codes"])
    assert len({row["id"] for row in run.records("unique_coupon_codes")}) == 450
    assert not site.asked(path="/coupons/one/unique_coupon_codes")


def test_sample_takes_one_page_of_one_parent(site: HandmadeSite) -> None:
    """Trying a stream out does not read a long list to its end."""
    site.put("/coupons", "bulk", coupon_type="bulk")
    for number in range(450):
        site.put("/coupons/bulk/unique_coupon_codes", f"code{number:03}")
    tap = TapRecurly(config={"api_key": "a-private-key", "api_url": site.url})
    tap.run_sync_dry_run(streams=[tap.streams["unique_coupon_codes"]])
    tap.site.close()
    assert [path for _, path, _ in site.requests] == [
        "/coupons",
        "/coupons/bulk/unique_coupon_codes",
    ]


@pytest.mark.parametrize("odd", [[None], [{"add_on": None}], [{"add_on": {"id": None}}], None])
def test_add_ons_that_are_none(site: HandmadeSite, sync: Callable[..., Run], odd: Any) -> None:
    """An add-on that is none has no usage and costs nothing."""
    site.put("/subscriptions", "s", add_ons=odd)
    run = sync(["usage"])
    assert run.code == 0, run.stderr
    assert not run.records("usage")


@pytest.mark.parametrize("odd", ["text", [5], [{"add_on": "jo@shop.example"}], 5])
def test_odd_data_holds_up_no_other_stream(
    site: HandmadeSite, sync: Callable[..., Run], odd: Any
) -> None:
    """Data of another kind than Recurly describes fails its stream with a sentence at the end."""
    site.put("/subscriptions", "s", add_ons=odd)
    site.fill("/transactions", 3)
    run = sync(["usage", "transactions"])
    assert run.code == 1
    assert "'usage' met data that is not as Recurly describes it" in run.stderr
    assert "jo@" not in run.stderr
    assert len(run.records("transactions")) == 3
    assert not run.state["bookmarks"].get("usage")


def test_only_usage_based_add_ons_are_asked_for_usage(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """Usage is read per subscription and add-on, what is billed included."""
    add_ons = [
        {"id": "s1", "add_on": {"id": "calls", "add_on_type": "usage"}},
        {"id": "s2", "add_on": {"id": "seats", "add_on_type": "fixed"}},
    ]
    site.put("/subscriptions", "metered", add_ons=add_ons)
    site.put("/subscriptions", "plain", add_ons=[])
    site.put("/add_ons", "calls")
    site.put("/subscriptions/metered/add_ons/calls/usage", "used", amount=3.0)
    run = sync(["usage"])
    (row,) = run.records("usage")
    assert (row["id"], row["subscription_id"], row["add_on_id"]) == ("used", "metered", "calls")
    (asked,) = [params for _, path, params in site.requests if path.endswith("/usage")]
    assert asked["billing_status"] == "all"


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_however_often_a_run_stops(
    site: HandmadeSite, sync: Callable[..., Run], seed: int
) -> None:
    """Accounts change, runs break off at any request, sweeps fall due: in the end all is there."""
    chance = random.Random(seed)  # noqa: S311 (a simulation keeps no secrets)
    state: dict[str, Any] = {}
    seen: set[str] = set()
    for number in range(8):
        left = iter(range(chance.randrange(30)))

        def live(_method: str, _path: str, _params: dict[str, str]) -> Answer | None:
            site.now += timedelta(seconds=chance.choice([0, 1, 40]))
            account = chance.randrange(20)
            write_note(site, account, f"{number}-{len(site.requests)}")  # noqa: B023 (used at once)
            if chance.random() < 0.7:
                site.put("/accounts", f"accounts-{account}")
            return None if next(left, None) is not None else (400, {}, REFUSED)  # noqa: B023 (as above)

        site.before = live
        run = sync([STREAM], state=state)
        state = run.state or state
        seen |= {*notes(run)}
        site.now += timedelta(hours=chance.choice([1, 30]))
    site.before = lambda *_: None
    for days in (0, 2):
        site.now += timedelta(days=days)
        run = sync([STREAM], state=state)
        assert run.code == 0, run.stderr
        state = run.state
        seen |= {*notes(run)}
    assert seen == {*site.rows("/accounts/{account_id}/notes")}
