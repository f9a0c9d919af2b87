"""A small merchant on the handmade site, what his snapshots are to be, and what they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

PLANS = {"basic": ("months", 1), "yearly": ("months", 12)}


class SmallMerchant:
    """Accounts with subscriptions and payments; whatever is done happens at the site's present."""

    def __init__(self, site: HandmadeSite) -> None:
        self.site = site
        self._number = 0
        for code, (unit, length) in PLANS.items():
            site.put("/plans", f"plan-{code}", interval_unit=unit, interval_length=length)

    def open(self, account: str, email: str | None, **attributes: Any) -> None:
        """Open an account."""
        self.site.put("/accounts", account, code=f"code of {account}", email=email, **attributes)

    def change(self, account: str, **attributes: Any) -> None:
        """Change an account."""
        self.site.change("/accounts", account, updated_at=self.site.now, **attributes)

    def change_card(self, account: str, year: int) -> None:
        """Change an account's card, which does not move its `updated_at`."""
        card = {"object": "credit_card", "exp_month": 1, "exp_year": year, "first_six": "411111"}
        billing_info = {"id": "b", "payment_method": card}
        self.site.change("/accounts", account, billing_info=billing_info)

    def subscribe(self, account: str, plan: str = "basic", **attributes: Any) -> str:
        """Let an account have one more subscription."""
        self._number += 1
        name = f"sub-{self._number:03}"
        self.site.put(
            "/subscriptions",
            name,
            account={"id": account},
            plan={"id": f"plan-{plan}", "object": "plan", "code": plan, "name": plan.title()},
            state="active",
            net_terms=0,
            **attributes,
        )
        return name

    def pay(
        self, account: str, path: str = "/transactions", moment: datetime | None = None
    ) -> None:
        """Let an account have one more transaction, or invoice."""
        self._number += 1
        self.site.put(path, f"payment-{self._number}", moment, account={"id": account})

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """The snapshot of every account as it is now."""
        subscriptions: dict[str, list[dict[str, Any]]] = {}
        for row in sorted(self._shown("/subscriptions"), key=_age):
            told = {name: self._told(name, value) for name, value in row.items() if name in SHOWN}
            subscriptions.setdefault(row["account"]["id"], []).append(told)
        people: dict[str, list[dict[str, Any]]] = {}
        accounts = sorted(self._shown("/accounts"), key=_age)
        for account in accounts:
            account["subscriptions"] = subscriptions.get(account["id"], [])
            people.setdefault(_address(account) or account["id"], []).append(account)
        return {
            account["id"]: {
                **account,
                "same_email": [_other(other) for other in person if other is not account],
            }
            for person in people.values()
            for account in person
        }

    def _shown(self, path: str) -> list[dict[str, Any]]:
        return [*self.site.rows(path).values()]

    def _told(self, name: str, value: Any) -> Any:
        if name != "plan":
            return value
        plan = self.site.rows("/plans").get(value["id"])
        told = {part: value[part] for part in ("id", "code", "name")}
        intervals = ("interval_unit", "interval_length")
        return told | ({part: plan[part] for part in intervals} if plan else {})


SHOWN_OF_OTHERS = {"id", "code", "created_at", "updated_at", "subscriptions"}
"""What snapshots tell of the attributes that this merchant's other accounts have, beside cards."""

SHOWN = {"id", "plan", "state", "quantity", "created_at", "updated_at"}
"""What snapshots tell of the attributes that this merchant's subscriptions have."""


def _address(account: dict[str, Any]) -> str:
    return (account["email"] or "").strip().lower()


def _age(row: dict[str, Any]) -> tuple[str, str]:
    return row["created_at"], row["id"]


def _other(account: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in account.items() if name in SHOWN_OF_OTHERS}
    if "billing_info" in account:
        card = {**account["billing_info"]["payment_method"]}
        del card["first_six"]
        told["billing_info"] = {"payment_method": card}
    return told


def first_read(site: HandmadeSite, sync: Callable[..., Run], **options: Any) -> Run:
    """Read all for the first time, an hour after the last change and before the next."""
    site.now += timedelta(hours=1)
    run = sync(["account_snapshots"], **options)
    site.now += timedelta(hours=1)
    site.requests.clear()
    return run


def snapshots(run: Run) -> dict[str, dict[str, Any]]:
    """The snapshots by account, each account once."""
    records = run.records("account_snapshots")
    assert run.code == 0, run.stderr
    assert len({record["id"] for record in records}) == len(records)
    return {record["id"]: record for record in records}
