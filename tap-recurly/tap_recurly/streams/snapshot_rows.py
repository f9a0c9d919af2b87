"""What a snapshot is made of, in JSON (pure): account, subscriptions, who shares the address.

What Recurly leaves out stays absent. A value of another kind than Recurly says passes as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_recurly.http.pages import OBJECT, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Shorten = Callable[[bytes | msgspec.Raw], bytes]

SUBSCRIPTION_ATTRIBUTES = (
    "id",
    "uuid",
    "plan",
    "state",
    "quantity",
    "unit_amount",
    "subtotal",
    "tax",
    "total",
    "currency",
    "collection_method",
    "auto_renew",
    "remaining_billing_cycles",
    "current_period_started_at",
    "current_period_ends_at",
    "current_term_started_at",
    "current_term_ends_at",
    "trial_started_at",
    "trial_ends_at",
    "activated_at",
    "canceled_at",
    "expires_at",
    "expiration_reason",
    "paused_at",
    "remaining_pause_cycles",
    "pending_change",
    "coupon_redemptions",
    "custom_fields",
    "created_at",
    "updated_at",
)
"""What a snapshot tells of each subscription."""

PLAN_ATTRIBUTES = ("id", "code", "name")
"""What it tells of the plan as the subscription embeds it; the interval comes from /plans."""

SAME_EMAIL_ATTRIBUTES = (
    "id",
    "code",
    "state",
    "created_at",
    "updated_at",
    "has_past_due_invoice",
    "billing_info",
    "custom_fields",
)
"""What a snapshot tells of each other account with the same address, beside its subscriptions."""

BILLING_INFO_ATTRIBUTES = ("payment_method",)
PAYMENT_METHOD_ATTRIBUTES = ("object", "card_type", "exp_month", "exp_year", "last_four")

_Part = msgspec.Raw | msgspec.UnsetType


class _Excerpt:
    """Takes some attributes out of an object.

    Args:
        attributes: Their names.
        nested: How to shorten those that are objects themselves.
    """

    def __init__(self, attributes: Sequence[str], **nested: Shorten) -> None:
        fields = [(name, _Part, msgspec.UNSET) for name in attributes]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("_Excerpt", fields))
        self._nested = nested

    def of(self, line: bytes | msgspec.Raw) -> bytes:
        """The excerpt from an object."""
        found = self._decoder.decode(line)
        for name, shorten in self._nested.items():
            part = getattr(found, name, msgspec.UNSET)
            if part is not msgspec.UNSET and memoryview(part)[0] == OBJECT:
                setattr(found, name, msgspec.Raw(shorten(part)))
        return msgspec.json.encode(found)


class _Plan(msgspec.Struct):
    id: _Part = msgspec.UNSET
    code: _Part = msgspec.UNSET
    name: _Part = msgspec.UNSET
    interval_unit: _Part = msgspec.UNSET
    interval_length: _Part = msgspec.UNSET


_PLANS = msgspec.json.Decoder(_Plan)


class PlanIntervals:
    """How often plans are billed, to be told of the subscriptions to them.

    Args:
        plans: All plans of the site. A plan that is not among them tells no interval.
    """

    def __init__(self, plans: Iterable[Row]) -> None:
        self._intervals = {
            bytes(plan.id): tuple(
                part if isinstance(part, msgspec.UnsetType) else part.copy()
                for part in (plan.interval_unit, plan.interval_length)
            )
            for plan in (_PLANS.decode(row.line) for row in plans)
            if not isinstance(plan.id, msgspec.UnsetType)
        }
        self._subscription = _Excerpt(SUBSCRIPTION_ATTRIBUTES, plan=self._with_interval)

    def subscription(self, row: Row) -> bytes:
        """A subscription as a snapshot carries it."""
        return self._subscription.of(row.line)

    def _with_interval(self, embedded: bytes | msgspec.Raw) -> bytes:
        plan = _PLANS.decode(embedded)
        if not isinstance(plan.id, msgspec.UnsetType) and bytes(plan.id) in self._intervals:
            plan.interval_unit, plan.interval_length = self._intervals[bytes(plan.id)]
        return msgspec.json.encode(plan)


class _Mini(msgspec.Struct):
    id: Any = None


class _Owned(msgspec.Struct):
    account: _Mini | str | float | bool | list[Any] | None = None


class _Dated(msgspec.Struct):
    """What orders accounts and subscriptions; any of it may be absent, null or something else."""

    id: Any = None
    created_at: Any = None
    updated_at: Any = None

    @property
    def version(self) -> str:
        """The later, the greater."""
        return str(self.updated_at or "")

    @property
    def age(self) -> tuple[str, str]:
        """The older, the smaller."""
        return str(self.created_at or ""), str(self.id)


class _Addressed(msgspec.Struct):
    email: Any = None


_OWNED = msgspec.json.Decoder(_Owned)
_DATED = msgspec.json.Decoder(_Dated)
_ADDRESSED = msgspec.json.Decoder(_Addressed)


def owner(row: Row) -> str | None:
    """The id of the account that a row belongs to, None when it names none."""
    account = _OWNED.decode(row.line).account
    return account.id if isinstance(account, _Mini) and isinstance(account.id, str) else None


def created_at(account: Row) -> str:
    """When an account was opened, as Recurly shows it; empty when it does not."""
    moment = _DATED.decode(account.line).created_at
    return moment if isinstance(moment, str) else ""


def email_of(account: Row) -> str:
    """An account's e-mail address as Recurly has it; empty when it has none."""
    email = _ADDRESSED.decode(account.line).email
    return email if isinstance(email, str) else ""


def address_of(account: Row) -> str | None:
    """An account's e-mail address as addresses are compared: trimmed and without case."""
    return email_of(account).strip().casefold() or None


def snapshot(
    account: Row, subscriptions: Iterable[bytes] | None, same_email: Iterable[bytes] | None
) -> Row:
    """An account as it is now, with its subscriptions and who shares its address.

    Args:
        account: The account as it came.
        subscriptions: Its subscriptions as a snapshot carries them; None when they were not read.
        same_email: The others by `SameEmail`; None when they were not looked for.
    """
    line = _with_array(account.line, "subscriptions", _latest(subscriptions))
    return Row(_with_array(line, "same_email", same_email))


class SameEmail:
    """What snapshots tell of other accounts with the same address.

    Args:
        is_wanted: Whether an account's attribute is; those inside others have the names of all.
    """

    def __init__(self, is_wanted: Callable[..., bool]) -> None:
        def wanted(attributes: Iterable[str], *within: str) -> list[str]:
            return [name for name in attributes if is_wanted(*within, name)]

        payment_method = _Excerpt(
            wanted(PAYMENT_METHOD_ATTRIBUTES, "billing_info", "payment_method")
        )
        billing_info = _Excerpt(
            wanted(BILLING_INFO_ATTRIBUTES, "billing_info"), payment_method=payment_method.of
        )
        self._account = _Excerpt(wanted(SAME_EMAIL_ATTRIBUTES), billing_info=billing_info.of)

    def account(self, account: Row, subscriptions: Iterable[bytes] | None) -> bytes:
        """One of the others; without subscriptions where these were not read."""
        line = self._account.of(account.line)
        return _with_array(line, "subscriptions", _latest(subscriptions))


def _latest(subscriptions: Iterable[bytes] | None) -> list[bytes] | None:
    """Oldest first, each once; of several versions the latest, of equals the last."""
    if subscriptions is None:
        return None
    latest: dict[Any, tuple[_Dated, bytes]] = {}
    for body in subscriptions:
        subscription = _DATED.decode(body)
        known = latest.get(subscription.id)
        if known is None or known[0].version <= subscription.version:
            latest[subscription.id] = subscription, body
    return [body for _, body in sorted(latest.values(), key=lambda one: one[0].age)]


def _with_array(line: bytes, name: str, items: Iterable[bytes] | None) -> bytes:
    """An object with one attribute more; the same object when that is None."""
    if items is None:
        return line
    start = line.removesuffix(b"}").rstrip()
    comma = b"" if start == b"{" else b","
    return b'%s%s"%s":[%s]}' % (start, comma, name.encode(), b",".join(items))
