"""Payment methods on file: how they get there, expire, are renewed and replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import BillingInfo, PaymentMethod
from recurly_klaviyo_sandbox.business.parameters import DAY

if TYPE_CHECKING:
    from random import Random

    from recurly_klaviyo_sandbox.business.entities import Account

_CARDS = {
    "Visa": ("411111", 55),
    "MasterCard": ("555555", 30),
    "American Express": ("378282", 10),
    "Discover": ("601111", 5),
}
_BANKS = {
    "USD": {"bank_account_info": 4, "eft": 1, "acss": 1, "becs": 1},
    "EUR": {"sepadirectdebit": 4, "iban_bank_account": 1},
    "GBP": {"bacs": 1},
}
_WALLETS = {
    "paypal_billing_agreement": 5,
    "apple_pay": 3,
    "google_pay": 2,
    "amazon_billing_agreement": 1,
    "stripe_link": 1,
    "mercadopago": 1,
}
_CARD_WALLETS = frozenset({"apple_pay", "google_pay"})


@dataclass(eq=False)
class Cards(Department):
    """Keeps every account's billing info."""

    def put_on_file(self, account: Account, persona: str) -> None:
        """A new customer leaves a way to be charged."""
        rng = account.rng
        if persona == "bank":
            method = PaymentMethod(
                pick(rng, _BANKS[account.currency]), last_four=f"{rng.randrange(10_000):04d}"
            )
        elif persona == "wallet":
            kind = pick(rng, _WALLETS)
            method = self._card(rng, kind) if kind in _CARD_WALLETS else PaymentMethod(kind)
        else:
            method = self._card(rng, "credit_card")
        account.billing = self._registry.enter(BillingInfo(*self._registry.head(), account, method))
        self._watch_expiry(account.billing)

    def replace(self, account: Account) -> None:
        """A customer types in a new card."""
        if account.billing and account.billing.method.exp_year:
            self._change(account.billing, self._card(account.rng, account.billing.method.kind))

    def pay_with_new(self, account: Account) -> None:
        """A customer types in a new card while paying: nothing but the payment is touched."""
        info = account.billing
        if info and info.method.exp_year:
            info.method = self._card(account.rng, info.method.kind)
            self._registry.note(info.account)
            self._watch_expiry(info)

    def take_off_file(self, account: Account) -> None:
        """Closing an account deletes its billing info."""
        if account.billing:
            self._registry.strike(account.billing)
            account.billing = None

    def _card(self, rng: Random, kind: str) -> PaymentMethod:
        brand = pick(rng, {name: odds for name, (_, odds) in _CARDS.items()})
        today = self._queue.today()
        year, month = divmod(today.year * 12 + today.month - 1 + rng.randrange(1, 48), 12)
        return PaymentMethod(
            kind,
            card_type=brand,
            first_six=_CARDS[brand][0],
            last_four=f"{rng.randrange(10_000):04d}",
            exp_month=month + 1,
            exp_year=year,
            bank_country=pick(rng, {"US": 98, "IN": 2}),
        )

    def _watch_expiry(self, info: BillingInfo) -> None:
        expires = info.method.expires
        if expires:
            day = datetime(expires.year, expires.month, 1, tzinfo=timezone.utc).timestamp()
            self._queue.at(day - 6 * DAY, self._about_to_expire, info, info.method)

    def _about_to_expire(self, info: BillingInfo, method: PaymentMethod) -> None:
        """The card networks' Account Updater, the customer, or nobody renews the card."""
        account = info.account
        if account.billing is not info or info.method is not method:
            return
        who = pick(account.rng, {"updater": 45, "customer": 30, "nobody": 25})
        if who == "updater":
            year = (method.exp_year or 0) + 3
            self._change(info, replace(method, exp_year=year))
        elif who == "customer":
            self._queue.after(account.rng.uniform(0, 20) * DAY, self.replace, account)

    def _change(self, info: BillingInfo, method: PaymentMethod) -> None:
        info.method = method
        self._registry.touch(info)
        # The account's own time stands still, as Recurly's webhook docs suggest.
        self._registry.note(info.account)
        self._watch_expiry(info)
