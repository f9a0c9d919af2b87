"""What a subscription merchant's business consists of: plain records, money in cents.

Times are whole epoch seconds (UTC). Every entity names the Recurly resource it is served as.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from random import Random

CARDS = frozenset({"credit_card", "gift_card", "apple_pay", "google_pay"})
"""Payment methods whose outcome is known at once; that of all others may come days later."""

DEBITS = frozenset(
    {
        *("acss", "bacs", "bank_account_info", "becs", "boleto", "eft", "iban_bank_account"),
        *("pix_automatico", "sepadirectdebit", "upi_autopay"),
    }
)
"""Payment methods that settle days after the customer's order."""


HELD_STATES = frozenset({"active", "canceled", "paused", "future"})
"""States in which a subscription's plan is held; a canceled one runs to the end of its period."""


@dataclass(eq=False)
class Entity:
    """Anything Recurly keeps a row of."""

    resource: ClassVar[str]
    id: str
    created: int
    updated: int


@dataclass(eq=False)
class UuidEntity(Entity):
    """What Recurly also knows by a uuid."""

    uuid: str


@dataclass(eq=False)
class Plan(Entity):
    """What customers subscribe to; `prices` are cents by currency, `setup_fee` cents of any."""

    resource: ClassVar[str] = "plans"
    code: str
    name: str
    interval_unit: str
    interval_length: int
    prices: dict[str, int]
    setup_fee: int = 0
    trial_days: int = 0
    popularity: float = 1.0
    add_ons: list[AddOn] = field(default_factory=list)


@dataclass(eq=False)
class AddOn(Entity):
    """An extra on a plan, at cents per period and unit in every currency."""

    resource: ClassVar[str] = "add_ons"
    plan: Plan
    code: str
    name: str
    price: int
    metered: bool = False


@dataclass(eq=False)
class Item(Entity):
    """A catalog item that is sold once."""

    resource: ClassVar[str] = "items"
    code: str
    name: str
    price: int
    price_decimal: str | None = None


@dataclass(eq=False)
class Coupon(Entity):
    """A discount of `percent` on an account's next `invoices` invoices; negative: on all."""

    resource: ClassVar[str] = "coupons"
    code: str
    name: str
    percent: int
    invoices: int


@dataclass(eq=False)
class CouponRedemption(UuidEntity):
    """A coupon in an account's hands; `left` invoices remain, negative means for ever."""

    resource: ClassVar[str] = "coupon_redemptions"
    account: Account
    coupon: Coupon
    subscription: Subscription
    left: int
    discounted: int = 0
    removed: int | None = None


@dataclass(frozen=True)
class PaymentMethod:
    """How money comes in. A transaction keeps the method it was made with."""

    kind: str
    card_type: str | None = None
    first_six: str | None = None
    last_four: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    bank_country: str = "US"

    @property
    def slow(self) -> bool:
        """Whether nobody can tell from its kind that it settles at once, as cards in India do."""
        return self.kind not in CARDS or self.bank_country == "IN"

    @property
    def expires(self) -> date | None:
        """The last day the card is good for."""
        if self.exp_month is None or self.exp_year is None:
            return None
        last = calendar.monthrange(self.exp_year, self.exp_month)[1]
        return date(self.exp_year, self.exp_month, last)


@dataclass(eq=False)
class BillingInfo(Entity):
    """An account's payment method on file."""

    resource: ClassVar[str] = "billing_infos"
    account: Account
    method: PaymentMethod


@dataclass(frozen=True)
class Address:
    """A postal address; `region` may be empty."""

    street: str
    city: str
    region: str
    postal_code: str
    country: str
    phone: str


@dataclass(eq=False)
class ShippingAddress(Entity):
    """Where an account's parcels go."""

    resource: ClassVar[str] = "shipping_addresses"
    account: Account
    address: Address


@dataclass(eq=False)
class Account(Entity):
    """A customer."""

    resource: ClassVar[str] = "accounts"
    code: str
    email: str | None
    first_name: str
    last_name: str
    company: str | None
    address: Address
    currency: str
    locale: str
    rng: Random
    reliability: float
    parent: Account | None = None
    billing: BillingInfo | None = None
    shipping: ShippingAddress | None = None
    closed: int | None = None
    subscriptions: list[Subscription] = field(default_factory=list)
    owed: dict[str, Invoice] = field(default_factory=dict)
    credits: list[Invoice] = field(default_factory=list)

    @property
    def payer(self) -> Account:
        """Who pays this account's bills: its parent, when it has one."""
        return self.parent or self


@dataclass(eq=False)
class Acquisition(Entity):
    """By which channel an account was won."""

    resource: ClassVar[str] = "account_acquisitions"
    account: Account
    channel: str


@dataclass(eq=False)
class SubscribedAddOn:
    """An add-on as part of one subscription."""

    id: str
    add_on: AddOn
    quantity: int
    unit: int
    created: int


@dataclass(eq=False)
class Subscription(UuidEntity):
    """An account on a plan. `state` is one of Recurly's subscription states."""

    resource: ClassVar[str] = "subscriptions"
    account: Account
    plan: Plan
    state: str
    unit: int
    quantity: int
    manual: bool
    period_start: int
    period_end: int
    anchor_day: int
    add_ons: list[SubscribedAddOn] = field(default_factory=list)
    trial_start: int | None = None
    trial_end: int | None = None
    activated: int | None = None
    canceled: int | None = None
    expires: int | None = None
    expiration_reason: str | None = None
    paused: int | None = None
    pause_cycles: int | None = None
    cycles_left: int | None = None
    custom_fields: dict[str, str] = field(default_factory=dict)
    next_plan: Plan | None = None
    change_id: str = ""
    change_created: int = 0
    redemption: CouponRedemption | None = None

    @property
    def currency(self) -> str:
        """The currency of the account it belongs to."""
        return self.account.currency

    @property
    def subtotal(self) -> int:
        """Cents per period before discount and tax."""
        extras = sum(extra.quantity * extra.unit for extra in self.add_ons)
        return self.unit * self.quantity + extras


@dataclass(eq=False)
class LineItem(UuidEntity):
    """One line of an invoice; negative for a credit."""

    resource: ClassVar[str] = "line_items"
    kind: str
    origin: str
    description: str
    quantity: int
    unit: int
    discount: int
    tax: int
    start: int
    end: int | None
    plan: Plan | None = None
    add_on: AddOn | None = None
    item: Item | None = None
    subscription: Subscription | None = None
    bill_for: Account | None = None
    original: LineItem | None = None
    refunded_quantity: int = 0
    credit_reason: str | None = None
    legacy_category: str | None = None
    redemption: CouponRedemption | None = None
    unit_decimal: str | None = None
    invoice: Invoice = field(init=False)

    @property
    def subtotal(self) -> int:
        """Quantity times unit amount, which may be given to a fraction of a cent."""
        if self.unit_decimal:
            return round(self.quantity * Decimal(self.unit_decimal) * 100)
        return self.quantity * self.unit

    @property
    def amount(self) -> int:
        """What the line adds to its invoice: after discount and tax."""
        return self.subtotal - self.discount + self.tax


@dataclass(eq=False)
class Invoice(UuidEntity):
    """A bill or a credit. Totals of credit invoices are negative."""

    resource: ClassVar[str] = "invoices"
    number: str
    kind: str
    origin: str
    state: str
    account: Account
    lines: list[LineItem]
    manual: bool
    net_terms: int
    due: int
    closed: int | None = None
    paid: int = 0
    credited: int = 0
    previous: Invoice | None = None
    method_id: str | None = None
    dunning_events: int = 0
    final_dunning: bool = False
    transactions: list[Transaction] = field(default_factory=list)
    credit_payments: list[CreditPayment] = field(default_factory=list)

    @property
    def currency(self) -> str:
        """The currency of the account it is addressed to."""
        return self.account.currency

    @property
    def total(self) -> int:
        """The sum of its lines."""
        return sum(line.amount for line in self.lines)

    @property
    def balance(self) -> int:
        """What is still to be paid (or, negative, to be credited)."""
        return self.total - self.paid - self.credited

    @property
    def subscriptions(self) -> list[Subscription]:
        """The subscriptions its lines are for, each once."""
        return list({id(s): s for line in self.lines if (s := line.subscription)}.values())


@dataclass(eq=False)
class Transaction(UuidEntity):
    """A movement of money, or an attempt at one; `amount` is never negative."""

    resource: ClassVar[str] = "transactions"
    account: Account
    invoice: Invoice | None
    kind: str
    origin: str
    status: str
    amount: int
    currency: str
    method: PaymentMethod
    manual: bool
    collected: int | None
    decline: Decline | None = None
    original: Transaction | None = None
    refunded: int = 0
    voided: int | None = None
    voided_by: Invoice | None = None


@dataclass(frozen=True)
class Decline:
    """Why a gateway said no."""

    code: str
    reason: str
    customer_message: str
    gateway_code: str


@dataclass(eq=False)
class CreditPayment(UuidEntity):
    """A credit invoice's money going somewhere: to another invoice, back, or written off."""

    resource: ClassVar[str] = "credit_payments"
    account: Account
    action: str
    original: Invoice
    applied_to: Invoice | None
    refund: Transaction | None
    currency: str
    amount: int
