"""Audit and repair over both real commands: who somebody was before, and whose an event is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import Pipeline

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from recurly_klaviyo_sandbox.business.entities import Account

PROFILE_PROPERTIES = (
    "Recurly Account Code",
    "Recurly Card Expiration Date",
    "Recurly Plan Codes",
    "Recurly Plans",
)


@pytest.fixture
def merchant() -> Iterator[Sandbox]:
    """A few people's half year, ten days behind the present."""
    with Sandbox(accounts=25, days=180, seed=7, behind=timedelta(days=10)) as running:
        yield running


def _give_address(sandbox: Sandbox, account: Account, email: str) -> None:
    """The address was changed a minute ago: a read leaves what changes in its own second."""
    with sandbox.lock:
        account.email = email
        sandbox.business.registry.touch(account, int(sandbox.clock.now().timestamp()) - 60)
        sandbox.recurly.absorb()


def _customer(sandbox: Sandbox) -> Account:
    """Somebody with an address of their own, a plan held and something paid."""
    single = {
        person.anchor
        for person in sandbox.business.people().values()
        if person.email and person.plans and len(person.account_ids) == 1
    }
    payers = {event.account_id for event in sandbox.ledger.events(sandbox.clock.now()).values()}
    accounts = sandbox.business.registry.accounts()
    return next(each for each in accounts if each.id in single & payers)


def _audit(pipeline: Pipeline, mode: str = "audit") -> tuple[int, Any]:
    pipeline.start(mode=mode)
    tap, target = pipeline.finish()
    assert tap == 0
    return target, pipeline.report()


@pytest.mark.slow
@pytest.mark.parametrize("on_email_change", ["move", "merge"])
def test_a_repair_clears_the_profile_of_a_former_address(
    on_email_change: str, merchant: Sandbox, pipeline: Callable[[Sandbox], Pipeline]
) -> None:
    """The new address has a profile, the former one our anchor: repair takes it all along.

    Moved, the events of before stay at the former profile, which the audit goes on to name.
    """
    project = pipeline(merchant)
    project.target = {"on_email_change": on_email_change}
    project.run()
    account = _customer(merchant)
    former = account.email
    assert former is not None
    theirs = sum(
        event.account_id == account.id
        for event in merchant.ledger.events(merchant.clock.now()).values()
    )
    merchant.klaviyo.add_profile("by-a-form@sandbox-merchant.dev")
    _give_address(merchant, account, "by-a-form@sandbox-merchant.dev")

    code, report = _audit(project)
    assert code == 1
    assert report["totals"]["profiles_differing"] == 1
    assert former in {each["found"] for each in report["profiles"]["differences"]}

    code, report = _audit(project, "repair")
    kept = theirs if on_email_change == "move" else 0
    assert report["repair"]["profiles_sent"] == 1
    assert report["totals"]["profiles_differing"] == report["totals"]["missing"] == 0
    assert report["totals"]["elsewhere"] == kept
    assert code == (1 if kept else 0)

    profile = merchant.klaviyo.profile("by-a-form@sandbox-merchant.dev")
    assert profile is not None
    assert profile.external_id == account.id
    assert profile.properties["Recurly Account Code"] == account.code
    left = merchant.klaviyo.profile(former)
    assert (left is None) == (on_email_change == "merge")
    if left is not None:
        assert left.external_id is None
        assert not {name for name in PROFILE_PROPERTIES if left.properties.get(name) is not None}


@pytest.mark.slow
def test_two_sites_in_one_klaviyo_account_are_audited_each_by_itself(
    merchant: Sandbox, tmp_path: Path
) -> None:
    """Each audit finds what its own site lost, and takes nothing of the other's for surplus.

    A customer of both is one profile, which says of each site what `names` calls it there.
    """
    with Sandbox(accounts=15, days=120, seed=8, behind=timedelta(days=10)) as european:
        shopper, twin = _customer(merchant), _customer(european)
        _give_address(european, twin, shopper.email or "")
        projects = {}
        for name, sandbox in (("us", merchant), ("eu", european)):
            folder = tmp_path / name
            folder.mkdir()
            names = {each: f"{each} {name.upper()}" for each in PROFILE_PROPERTIES}
            config = {"site": name, "names": names}
            projects[name] = Pipeline(
                sandbox, folder, target={"transform_config": config}, klaviyo=merchant
            )
            projects[name].run()
        for project in projects.values():
            code, report = _audit(project)
            assert (code, report["agrees"]) == (0, True), report["sentence"]
            expected = project.sandbox.ledger.events(project.sandbox.clock.now())
            assert report["totals"]["expected"] == len(expected)

        both = merchant.klaviyo.profile(shopper.email or "")
        assert both is not None
        assert both.external_id == shopper.id
        assert both.properties["Recurly Account Code US"] == shopper.code
        assert both.properties["Recurly Account Code EU"] == twin.code

        lost = sorted(european.ledger.events(european.clock.now()))[:3]
        assert merchant.klaviyo.delete_events(lost) == len(lost)
        assert _audit(projects["us"])[0] == 0
        code, report = _audit(projects["eu"])
        assert (code, report["totals"]["missing"]) == (1, len(lost))
