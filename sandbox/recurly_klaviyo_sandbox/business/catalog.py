"""What the merchant sells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business.entities import AddOn, Coupon, Item, Plan

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.registry import Registry

CURRENCIES = {"USD": 1.0, "EUR": 0.95, "GBP": 0.85}
TAX_RATES = {"US": 0.0, "DE": 0.19, "FR": 0.20, "NL": 0.21, "FI": 0.24, "GB": 0.20}


_ADD_ONS = {
    "basic": (("extra-seat", "Extra seat", 500, False),),
    "pro": (("extra-seat", "Extra seat", 700, False), ("support", "Priority support", 1200, False)),
    "pro-yearly": (("support", "Priority support", 12000, False),),
    "team-yearly": (("api-calls", "API calls", 2, True),),
    "coffee-box": (("biscotti", "Biscotti", 450, False), ("decaf", "Decaf bag", 999, False)),
}
_ITEMS: tuple[tuple[Any, ...], ...] = (
    ("mug", "Stoneware mug", 1850),
    ("tote", "Tote bag", 1200),
    ("grinder", "Hand grinder", 7999),
    ("workshop", "Online workshop", 4500),
    ("sticker", "Sticker sheet", 325),
    ("api-calls", "API calls", 0, "0.000125"),
)
_COUPONS = (
    ("welcome10", "Welcome: 10 % off", 10, 1),
    ("spring25", "Spring: 25 % off for three months", 25, 3),
    ("friends", "Friends and family", 50, -1),
    ("first-free", "First one free", 100, 1),
)


class Catalog:
    """Plans with their add-ons, items and coupons, all there from the start."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.plans = [
            self._plan("starter", "Starter", 900, trial_days=14, popularity=18),
            self._plan("basic", "Basic", 1900, trial_days=14, popularity=22),
            self._plan("pro", "Pro", 4900, popularity=20),
            self._plan("pro-yearly", "Pro (yearly)", 49000, 12, popularity=8),
            self._plan(
                "team-yearly",
                "Team (yearly)",
                119000,
                12,
                setup_fee=9900,
                trial_days=30,
                popularity=4,
            ),
            self._plan("coffee-box", "Coffee Box", 2450, setup_fee=500, popularity=16),
            self._plan("tea_club-quarterly", "Tea Club, quarterly", 6990, 3, popularity=6),
            self._plan("digest", "Digest, every four weeks", 399, 28, "days", popularity=5),
            self._plan("free", "Free", 0, popularity=4),
        ]
        self.items = [registry.enter(Item(*registry.head(), *item)) for item in _ITEMS]
        self.coupons = [
            registry.enter(Coupon(*registry.head(), code, name, percent, invoices))
            for code, name, percent, invoices in _COUPONS
        ]
        self.popularity = [plan.popularity for plan in self.plans]

    def plan(self, code: str) -> Plan:
        """The plan of that code."""
        return next(plan for plan in self.plans if plan.code == code)

    def _plan(
        self, code: str, name: str, cents: int, length: int = 1, unit: str = "months", **more: Any
    ) -> Plan:
        prices = {currency: price_in(currency, cents) for currency in CURRENCIES}
        head = self._registry.head()
        plan = self._registry.enter(Plan(*head, code, name, unit, length, prices, **more))
        for extra_code, extra_name, price, metered in _ADD_ONS.get(code, ()):
            add_on = AddOn(*self._registry.head(), plan, extra_code, extra_name, price, metered)
            plan.add_ons.append(self._registry.enter(add_on))
        return plan


def price_in(currency: str, cents: int) -> int:
    """A list price in another currency, to the cent."""
    return round(cents * CURRENCIES[currency])
