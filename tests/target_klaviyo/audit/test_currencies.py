"""Amounts in several currencies are never summed under the name of one."""

from __future__ import annotations

from typing import Any

import pytest

METRIC = "Successfully Paid"


def _sums(shop: Any) -> dict[str, float]:
    """What the shop's rows of the metric sum up to, by currency."""
    sums: dict[str, float] = {}
    for row in shop.events:
        if row["metric"] == METRIC:
            currency = row.get("value_currency") or "USD"
            sums[currency] = round(sums.get(currency, 0) + row["value"], 2)
    return sums


def test_several_currencies_have_a_sum_each(shop: Any) -> None:
    """Page and JSON tell both sides' sums by currency, and no sum over several."""
    for number, row in enumerate(shop.events):
        row["value_currency"] = ("USD", "EUR", "SEK", "EUR")[number % 4]
    shop.sync()
    verdict = shop.audit()
    metric = verdict.metric(METRIC)
    assert metric["expected_sums"] == pytest.approx(_sums(shop))
    assert metric["found_sums"] == pytest.approx(_sums(shop))
    assert all(day["expected_value"] is day["found_value"] is None for day in metric["days"])
    page = verdict.page.read_text()
    for currency, total in _sums(shop).items():
        assert f"{total:,.2f} {currency}" in page


def test_one_foreign_currency_is_named_as_such(shop: Any) -> None:
    """All in kronor in a dollar account: kronor are expected, and kronor are found."""
    for row in shop.events:
        row["value_currency"] = "SEK"
    shop.sync()
    metric = shop.audit().metric(METRIC)
    assert metric["expected_sums"] == pytest.approx(_sums(shop))
    assert metric["expected_sums"].keys() == metric["found_sums"].keys() == {"SEK"}


def test_the_accounts_currency_is_compared(shop: Any) -> None:
    """Amounts in the account's currency, or in none, have a sum on both sides."""
    for row in shop.events[::2]:
        del row["value_currency"]
    shop.sync()
    verdict = shop.audit()
    metric = verdict.metric(METRIC)
    assert metric["expected_sums"] == pytest.approx(_sums(shop))
    assert metric["found_sums"] == pytest.approx(_sums(shop))
    assert verdict.report["account_currency"] == "USD"


def test_a_single_events_value_bears_its_own_currency(shop: Any) -> None:
    """A missing event of another currency than the account's is listed in that."""
    shop.events[2]["value_currency"] = "EUR"
    shop.sync()
    shop.account.delete_events([shop.events[2]["unique_id"]])
    verdict = shop.audit()
    (finding,) = (each for each in verdict.metric(METRIC)["findings"] if each["kind"] == "missing")
    assert finding["currency"] == "EUR"
    assert f"{shop.events[2]['value']:,.2f} EUR" in verdict.page.read_text()


def test_the_same_amount_in_another_currency_is_altered(shop: Any) -> None:
    """10 kronor are no 10 dollars."""
    shop.sync()
    shop.events[2]["value_currency"] = "SEK"
    verdict = shop.audit()
    assert verdict.named("altered") == {"recurly-2"}
    (finding,) = (each for each in verdict.metric(METRIC)["findings"] if each["kind"] == "altered")
    assert finding["reason"] == "stored in another currency"
