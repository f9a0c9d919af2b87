"""What the merchant sells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from recurly_klaviyo_sandbox.business.entities import AddOn, Coupon, Item, Plan

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.registry import Registry

CURRENCIES = {"USD": 1.0, "EUR": 0.95, "GBP": 0.85}
TAX_RATES = {"US": 0.0, "DE": 0.19, "FR": 0.20, "NL": 0.21, "FI": 0.24, "GB": 0.20}


class _Offer(NamedTuple):
    code: str
    name: str
    cents: int
    months: int = 1
    days: int = 0
    setup_fee: int = 0
    trial_days: int = 0
    popularity: float = 1.0


_OFFERS = (
    _Offer("starter", "Starter", 900, trial_days=14, popularity=18),
    _Offer("basic", "Basic", 1900, trial_days=14, popularity=22),
    _Offer("pro", "Pro", 4900, popularity=20),
    _Offer("pro-yearly", "Pro (yearly)", 49000, months=12, popularity=8),
    _Offer("team-yearly", "Team (yearly)", 119000, 12, setup_fee=9900, trial_days=30, popularity=4),
    _Offer("coffee-box", "Coffee Box", 2450, setup_fee=500, popularity=16),
    _Offer("tea_club-quarterly", "Tea Club, quarterly", 6990, months=3, popularity=6),
    _Offer("digest", "Digest, every four weeks", 399, days=28, popularity=5),
    _Offer("free", "Free", 0, popularity=4),
)
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
        self.plans = [self._plan(registry, offer) for offer in _OFFERS]
        self.items = [registry.enter(Item(*registry.head(), *offer)) for offer in _ITEMS]
        self.coupons = [
            registry.enter(Coupon(*registry.head(), code, name, percent, invoices))
            for code, name, percent, invoices in _COUPONS
        ]
        self.popularity = [plan.popularity for plan in self.plans]

    def plan(self, code: str) -> Plan:
        """The plan of that code."""
        return next(plan for plan in self.plans if plan.code == code)

    @staticmethod
    def _plan(registry: Registry, offer: _Offer) -> Plan:
        plan = registry.enter(
            Plan(
                *registry.head(),
                offer.code,
                offer.name,
                interval_unit="days" if offer.days else "months",
                interval_length=offer.days or offer.months,
                prices={currency: price_in(currency, offer.cents) for currency in CURRENCIES},
                setup_fee=offer.setup_fee,
                trial_days=offer.trial_days,
                popularity=offer.popularity,
            )
        )
        for code, name, price, metered in _ADD_ONS.get(offer.code, ()):
            add_on = AddOn(*registry.head(), plan, code, name, price, metered)
            plan.add_ons.append(registry.enter(add_on))
        return plan


def price_in(currency: str, cents: int) -> int:
    """A list price in another currency, to the cent."""
    return round(cents * CURRENCIES[currency])
