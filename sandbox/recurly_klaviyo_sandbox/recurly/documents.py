"""Endpoints that serve neither a list nor a stored record: each makes its answer from others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from recurly_klaviyo_sandbox.recurly.endpoints import Endpoint
from recurly_klaviyo_sandbox.recurly.errors import not_found
from recurly_klaviyo_sandbox.recurly.store import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from recurly_klaviyo_sandbox.recurly.store import Store

_EVERYTHING = 1_000_000
_EXPORT_DAYS = 7


@dataclass(frozen=True)
class Document(Endpoint):
    """An endpoint whose answer `make` composes from (store, path parameters, now)."""

    make: Callable[[Store, Mapping[str, str], datetime], Any]


def balance(store: Store, scope: Mapping[str, str], _: datetime) -> Any:
    """What an account owes and is owed, by currency."""
    of_account = Query("invoices", ("account_id = :account_id",), scope, "created_at", False)  # noqa: FBT003  (ascending)
    invoices = [orjson.loads(body) for _, _, body in store.page(of_account, _EVERYTHING)]
    amounts: dict[str, float] = {}
    for invoice in invoices:
        currency = invoice["currency"]
        amounts[currency] = round(amounts.get(currency, 0) + invoice.get("balance", 0), 2)
    account = orjson.loads(store.get("accounts", "id", scope["account_id"]) or b"{}")
    mini = ("id", "object", "code", "email", "first_name", "last_name", "company")
    return {
        "object": "account_balance",
        "account": {name: account.get(name) for name in mini},
        "past_due": any(invoice["state"] == "past_due" for invoice in invoices),
        "balances": [
            {"currency": currency, "amount": amount} for currency, amount in amounts.items()
        ],
    }


def subscription_change(store: Store, scope: Mapping[str, str], _: datetime) -> Any:
    """The change a subscription will see at its next renewal."""
    body = store.get("subscriptions", "id", scope["subscription_id"]) or b"{}"
    change = orjson.loads(body).get("pending_change")
    if change is None:
        raise not_found("a pending change of this subscription")
    return change


def export_dates(_: Store, __: Mapping[str, str], now: datetime) -> Any:
    """The days for which there are automated exports."""
    days = [(now - timedelta(days=back)).date() for back in range(1, _EXPORT_DAYS + 1)]
    return {"object": "export_dates", "dates": [day.isoformat() for day in days]}


def export_files(store: Store, scope: Mapping[str, str], now: datetime) -> Any:
    """The files of one day's automated exports."""
    day = scope["export_date"]
    if day not in export_dates(store, scope, now)["dates"]:
        raise not_found(f"exports of {day}")
    return {
        "object": "export_files",
        "files": [
            {
                "name": f"{name}.csv.gz",
                "md5sum": "d41d8cd98f00b204e9800998ecf8427e",
                "href": f"https://exports.sandbox-merchant.dev/{day}/{name}.csv.gz",
            }
            for name in ("accounts", "invoices_summary")
        ],
    }


DOCUMENTS = (
    Document("/accounts/{account_id}/balance", "account_balance", balance),
    Document("/subscriptions/{subscription_id}/change", "subscription_change", subscription_change),
    Document("/export_dates", "export_dates", export_dates),
    Document("/export_dates/{export_date}/export_files", "export_files", export_files),
)
