"""Endpoints that serve neither a list nor a stored record: each makes its answer from others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from recurly_klaviyo_sandbox.recurly.endpoints import Endpoint
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


def export_dates(_: Store, __: Mapping[str, str], now: datetime) -> Any:
    """The days for which there are automated exports."""
    days = [(now - timedelta(days=back)).date() for back in range(1, _EXPORT_DAYS + 1)]
    return {"object": "export_dates", "dates": [day.isoformat() for day in days]}


DOCUMENTS = (
    Document("/accounts/{account_id}/balance", "account_balance", balance),
    Document("/export_dates", "export_dates", export_dates),
)
