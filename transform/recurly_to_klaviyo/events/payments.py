"""Transactions become payment events (docs/recurly.md: Transactions).

Statuses and types that are not named here yield nothing, since Recurly adds to them over time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.decline_codes import decline_type, is_recoverable
from recurly_to_klaviyo.metrics import Context, Occurrence, event
from recurly_to_klaviyo.values import amount_of, readable_time, section, texts, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    Record = Mapping[str, Any]

PAYMENT_TYPES = frozenset({"purchase", "capture"})
"""What Recurly's own filter `type=payment` means; the other types only ask for money."""

FAILED = frozenset({"declined", "error"})

CARD_METHODS = frozenset(
    {
        *("credit_card", "gift_card"),
        *("apple_pay", "apple_pay_merchant_token", "braintree_apple_pay"),
        *("google_pay", "google_pay_device_pan", "braintree_google_pay"),
    }
)
"""Cards, wallets on a card and gift cards answer at once. Every other method may take days, also
one we do not know yet, since the list grows."""

SETTLES_WITHIN = timedelta(days=14)
"""A later change is no outcome any more but a refund or a redaction of an old payment."""


@event("Failed Payment", stream="transactions")
def failed_payment(transaction: Record, _context: Context) -> Iterator[Occurrence]:
    """A payment that was declined or ended in an error.

    Every dunning retry is a transaction of its own, hence an event of its own.

    Time: `created_at`; for slow methods `updated_at`, so that a debit which fails after days is
    news and not history
    Id: `recurly-txn-ID-failed`
    """
    if _is_payment(transaction) and transaction.get("status") in FAILED:
        code = transaction.get("status_code")
        yield _occurrence(
            transaction,
            "failed",
            settled_at(transaction),
            {
                "Failure Code": code,
                "Failure Reason": transaction.get("status_message"),
                "Customer Message": transaction.get("customer_message"),
                "Gateway Response Code": transaction.get("gateway_response_code"),
                "Decline Type": decline_type(code),
                "Recoverable": is_recoverable(code),
            },
        )


@event("Successfully Paid", stream="transactions")
def successfully_paid(transaction: Record, _context: Context) -> Iterator[Occurrence]:
    """A payment that cleared, manual and external ones too.

    A later refund, void or chargeback does not unmake it: that is an event of its own. A void
    without a refund never was money, unless an earlier read found a success that did not last,
    and so it is with a bank debit that came back.

    Time: `collected_at` when the merchant typed one; else `created_at`, for slow methods
    `updated_at`
    Id: `recurly-txn-ID-succeeded`
    """
    if not _is_payment(transaction):
        return
    status = transaction.get("status")
    cleared = status in {"success", "chargeback"} or is_voided_by_refund(transaction)
    may_have_cleared = status == "void" or (status in FAILED and is_slow(transaction))
    if cleared or may_have_cleared:
        yield _occurrence(
            transaction,
            "succeeded",
            _typed_time(transaction) or settled_at(transaction),
            {},
            was_true=not cleared,
        )


@event("Refunded Payment", stream="transactions")
def refunded_payment(transaction: Record, _context: Context) -> Iterator[Occurrence]:
    """Money given back: a refund, a refund before settlement (void) or a chargeback.

    Time: `collected_at`, else `created_at` of a refund; `voided_at` of a void; `updated_at` of a
    chargeback
    Id: `recurly-txn-ID-refunded`, `-voided` or `-chargeback`
    """
    status = transaction.get("status")
    if transaction.get("type") == "refund":
        given_back = status in {"success", "chargeback"}
        if given_back or status in FAILED or status == "void":
            time = time_of(transaction, "collected_at", "created_at")
            yield _refund(transaction, "refunded", time, was_true=not given_back)
    elif is_voided_by_refund(transaction):
        time = time_of(transaction, "voided_at", "updated_at", "created_at")
        yield _refund(transaction, "voided", time)
    elif _is_payment(transaction) and status == "chargeback":
        time = time_of(transaction, "updated_at", "created_at")
        yield _refund(transaction, "chargeback", time)


def _refund(
    transaction: Record, suffix: str, time: datetime | None, *, was_true: bool = False
) -> Occurrence:
    refund = _occurrence(
        transaction,
        suffix,
        time,
        {
            "Refund Type": _refund_type(transaction, suffix),
            "Original Transaction ID": transaction.get("original_transaction_id"),
        },
        was_true=was_true,
    )
    return refund if refund.value is None else refund._replace(value=abs(refund.value))


def _refund_type(transaction: Record, suffix: str) -> str:
    if suffix == "voided":
        return "void"
    if transaction.get("status") == "chargeback" or transaction.get("origin") == "chargeback":
        return "chargeback"
    return "external" if transaction.get("origin") == "refunded_externally" else "refund"


def _occurrence(
    transaction: Record,
    suffix: str,
    time: datetime | None,
    properties: dict[str, Any],
    *,
    was_true: bool = False,
) -> Occurrence:
    transaction_id = transaction.get("id")
    method = section(transaction, "payment_method")
    return Occurrence(
        unique_id=f"recurly-txn-{transaction_id}-{suffix}",
        time=time,
        recurly_id=transaction_id,
        properties={
            "Invoice Number": section(transaction, "invoice").get("number"),
            "Subscription IDs": texts(transaction.get("subscription_ids")),
            "Payment Method": method.get("object"),
            "Card Type": method.get("card_type"),
            "Card Last Four": method.get("last_four"),
            "Origin": transaction.get("origin"),
            "Collection Method": transaction.get("collection_method"),
            **properties,
        },
        value=amount_of(transaction, "amount"),
        currency=transaction.get("currency"),
        earliest=_earliest(time, transaction),
        latest=_latest(time, transaction),
        was_true=was_true,
    )


def _is_payment(transaction: Record) -> bool:
    return transaction.get("type") in PAYMENT_TYPES


def is_voided_by_refund(transaction: Record) -> bool:
    """Whether a payment was refunded before it was settled."""
    return (
        _is_payment(transaction)
        and transaction.get("status") == "void"
        and bool(transaction.get("voided_by_invoice"))
    )


def is_slow(transaction: Record) -> bool:
    """Whether the outcome may come days after the payment was started.

    Cards in India take up to a day: there the customer is told before.
    """
    method = section(transaction, "payment_method")
    kind = method.get("object")
    if type(kind) is not str or kind not in CARD_METHODS:
        return True
    country = method.get("cc_bin_country")
    return country == "IN" or (not country and transaction.get("currency") == "INR")


def settled_at(transaction: Record) -> datetime | None:
    """When the outcome was known.

    At creation for cards. Other payments are news on the day of their outcome, which is their last
    change, as long as that is no refund or redaction of an old payment.

    Raises:
        ValueError: The record's times cannot be read.
    """
    created_at = time_of(transaction, "created_at")
    if transaction.get("refunded") or not is_slow(transaction):
        return created_at
    updated_at = time_of(transaction, "updated_at")
    if updated_at is None or created_at is None:
        return created_at or updated_at
    return updated_at if updated_at - created_at <= SETTLES_WITHIN else created_at


def _typed_time(transaction: Record) -> datetime | None:
    """The time a merchant typed in for a manual payment.

    Recurly fills collected_at with the creation time where nobody typed one: that says nothing.
    """
    collected_at = time_of(transaction, "collected_at")
    return None if collected_at == time_of(transaction, "created_at") else collected_at


def _earliest(time: datetime | None, transaction: Record) -> datetime | None:
    """The creation, where an earlier read of the transaction may have dated its event earlier.

    That is where the time is the last change, or was still to come at that change. Klaviyo keeps
    the event as it was first sent, so an audit has to know how early that may have been.
    """
    created_at = readable_time(transaction, "created_at")
    updated_at = readable_time(transaction, "updated_at")
    if time is None or created_at is None or updated_at is None:
        return None
    return created_at if created_at < time >= updated_at else None


def _latest(time: datetime | None, transaction: Record) -> datetime | None:
    """The last day of settling, where an earlier read may have dated a slow payment's event later.

    That is where the outcome's own time is no longer to be seen, since a refund or a redaction has
    changed the transaction once more.
    """
    if time is None or not is_slow(transaction):
        return None
    created_at = readable_time(transaction, "created_at")
    updated_at = readable_time(transaction, "updated_at")
    if created_at is None or updated_at is None or not time == created_at < updated_at:
        return None
    return min(updated_at, created_at + SETTLES_WITHIN)
