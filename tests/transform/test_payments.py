"""Transactions become payment events exactly by the table of types and statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]

TYPES = ("purchase", "capture", "refund", "authorization", "verify")
STATUSES = (
    *("success", "declined", "error", "pending", "scheduled", "processing", "void", "chargeback"),
)
UNKNOWN = "something_recurly_adds_later"

PAYMENT_OUTCOMES = {
    "success": ["Successfully Paid"],
    "declined": ["Failed Payment"],
    "error": ["Failed Payment"],
    "chargeback": ["Successfully Paid", "Refunded Payment"],
}
OUTCOMES = {
    **{("purchase", status): metrics for status, metrics in PAYMENT_OUTCOMES.items()},
    **{("capture", status): metrics for status, metrics in PAYMENT_OUTCOMES.items()},
    ("refund", "success"): ["Refunded Payment"],
    ("refund", "chargeback"): ["Refunded Payment"],
}
VOIDED_BY_REFUND = {"id": "inv9", "number": "1009"}


def _metrics(transform: Transform, record: dict[str, Any]) -> list[str]:
    rows = [row for _, row in transform.rows("transactions", record)]
    return [row["metric"] for row in rows if "was_true" not in row]


@pytest.mark.parametrize("status", [*STATUSES, UNKNOWN, None])
@pytest.mark.parametrize("kind", [*TYPES, UNKNOWN, None])
def test_every_type_and_status_is_decided(
    transform: Transform, transaction: RecordFactory, kind: str | None, status: str | None
) -> None:
    """Each cell of the table gives its metrics, and whatever Recurly adds later gives none."""
    record = transaction(type=kind, status=status)
    expected = OUTCOMES.get((kind or "", status or ""), [])
    assert _metrics(transform, record) == expected


@pytest.mark.parametrize("kind", TYPES)
def test_a_void_by_refund_was_money_and_was_given_back(
    transform: Transform, transaction: RecordFactory, kind: str
) -> None:
    """A payment refunded before settlement is void with a refund invoice: paid and refunded."""
    record = transaction(type=kind, status="void", voided_by_invoice=VOIDED_BY_REFUND)
    paid_back = ["Successfully Paid", "Refunded Payment"]
    assert _metrics(transform, record) == (paid_back if kind in {"purchase", "capture"} else [])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "declined"}, {"recurly-txn-txn1-failed": "2026-05-01T10:00:00Z"}),
        ({"status": "success"}, {"recurly-txn-txn1-succeeded": "2026-05-01T10:00:00Z"}),
        (
            {"collected_at": "2026-04-28T08:00:00Z"},
            {"recurly-txn-txn1-succeeded": "2026-04-28T08:00:00Z"},
        ),
        (
            {"collected_at": "2027-01-01T00:00:00Z"},
            {"recurly-txn-txn1-succeeded": "2026-06-01T12:00:00Z"},
        ),
        (
            {"collected_at": None, "payment_method": {"object": "bacs"}},
            {"recurly-txn-txn1-succeeded": "2026-05-02T10:00:00Z"},
        ),
        (
            {"payment_method": {"object": "sepadirectdebit"}},
            {"recurly-txn-txn1-succeeded": "2026-05-02T10:00:00Z"},
        ),
        (
            {"collected_at": "2026-04-28T08:00:00Z", "payment_method": {"object": "eft"}},
            {"recurly-txn-txn1-succeeded": "2026-04-28T08:00:00Z"},
        ),
        (
            {"status": "declined", "payment_method": {"object": "boleto"}},
            {
                "recurly-txn-txn1-failed": "2026-05-02T10:00:00Z",
                "recurly-txn-txn1-succeeded": "2026-05-02T10:00:00Z",
            },
        ),
        (
            {"type": "refund", "collected_at": "2026-05-03T00:00:00Z"},
            {"recurly-txn-txn1-refunded": "2026-05-03T00:00:00Z"},
        ),
        (
            {"type": "refund", "collected_at": None},
            {"recurly-txn-txn1-refunded": "2026-05-01T10:00:00Z"},
        ),
        (
            {"type": "refund", "status": "chargeback", "collected_at": None},
            {"recurly-txn-txn1-refunded": "2026-05-01T10:00:00Z"},
        ),
        (
            {
                "status": "void",
                "voided_by_invoice": VOIDED_BY_REFUND,
                "voided_at": "2026-05-01T18:00:00Z",
            },
            {
                "recurly-txn-txn1-succeeded": "2026-05-01T10:00:00Z",
                "recurly-txn-txn1-voided": "2026-05-01T18:00:00Z",
            },
        ),
        (
            {"status": "chargeback"},
            {
                "recurly-txn-txn1-succeeded": "2026-05-01T10:00:00Z",
                "recurly-txn-txn1-chargeback": "2026-05-02T10:00:00Z",
            },
        ),
    ],
)
def test_each_event_has_its_own_id_and_time(
    transform: Transform,
    transaction: RecordFactory,
    changes: dict[str, Any],
    expected: dict[str, str],
) -> None:
    """An event is dated when its outcome was known, never later than now, under a lasting id."""
    rows = [row for _, row in transform.rows("transactions", transaction(**changes))]
    assert {row["unique_id"]: row["time"] for row in rows} == expected


SLOW = {"collected_at": None, "payment_method": {"object": "bacs"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"collected_at": "2026-04-28T08:00:00Z"}, None),
        ({"collected_at": "2026-05-01T18:00:00Z"}, None),
        ({"collected_at": "2027-01-01T00:00:00Z"}, "2026-05-01T10:00:00Z"),
        (SLOW, "2026-05-01T10:00:00Z"),
        ({**SLOW, "status": "declined"}, "2026-05-01T10:00:00Z"),
        ({**SLOW, "updated_at": "2026-05-01T10:00:00Z"}, None),
        ({**SLOW, "updated_at": None}, None),
        ({"type": "refund"}, None),
        ({"status": "chargeback"}, "2026-05-01T10:00:00Z"),
    ],
)
def test_an_event_whose_time_moves_says_how_early_it_may_have_been(
    transform: Transform,
    transaction: RecordFactory,
    changes: dict[str, Any],
    expected: str | None,
) -> None:
    """An event dated by its record's last change, or in the future, gives its earliest time."""
    row = transform.rows("transactions", transaction(**changes))[-1][1]
    assert row.get("earliest_time") == expected


def test_a_failure_tells_why(transform: Transform, transaction: RecordFactory) -> None:
    """A failed payment carries what a dunning flow wants to say, and nothing that is absent."""
    record = transaction(
        status="declined",
        invoice={"id": "inv1", "number": "1001"},
        subscription_ids=["sub1"],
        payment_method={"object": "credit_card", "card_type": "Visa", "last_four": "1111"},
        origin="recurring",
        collection_method="automatic",
        status_code="insufficient_funds",
        status_message="The card has insufficient funds.",
        customer_message="Your card has insufficient funds.",
        gateway_response_code="51",
        collected_at=None,
    )
    assert transform.rows("transactions", record) == snapshot(
        [
            (
                "event",
                {
                    "metric": "Failed Payment",
                    "unique_id": "recurly-txn-txn1-failed",
                    "time": "2026-05-01T10:00:00Z",
                    "profile": {"email": "anna@mail.dev"},
                    "known_as": "acc1",
                    "properties": {
                        "Recurly ID": "txn1",
                        "Account Code": "anna",
                        "Currency": "USD",
                        "Invoice Number": "1001",
                        "Subscription IDs": ["sub1"],
                        "Payment Method": "credit_card",
                        "Card Type": "Visa",
                        "Card Last Four": "1111",
                        "Origin": "recurring",
                        "Collection Method": "automatic",
                        "Failure Code": "insufficient_funds",
                        "Failure Reason": "The card has insufficient funds.",
                        "Customer Message": "Your card has insufficient funds.",
                        "Gateway Response Code": "51",
                        "Decline Type": "Soft",
                        "Recoverable": True,
                    },
                    "value": 20.0,
                    "value_currency": "USD",
                },
            )
        ]
    )


@pytest.mark.parametrize(
    ("changes", "refund_type"),
    [
        ({"type": "refund"}, "refund"),
        ({"type": "refund", "origin": "refunded_externally"}, "external"),
        ({"type": "refund", "origin": "chargeback"}, "chargeback"),
        ({"type": "refund", "status": "chargeback"}, "chargeback"),
        ({"status": "void", "voided_by_invoice": VOIDED_BY_REFUND}, "void"),
        ({"status": "chargeback"}, "chargeback"),
    ],
)
def test_a_refund_says_of_which_type_it_is(
    transform: Transform, transaction: RecordFactory, changes: dict[str, Any], refund_type: str
) -> None:
    """A refund names its type and the original transaction, and its value is never negative."""
    record = transaction(amount=-20.0, original_transaction_id="txn0", **changes)
    refund = transform.rows("transactions", record)[-1][1]
    assert refund["properties"]["Refund Type"] == refund_type
    assert refund["properties"]["Original Transaction ID"] == "txn0"
    assert refund["value"] == 20.0


@pytest.mark.parametrize("email", [None, "", " ", "\u200b"])
def test_an_account_without_address_goes_by_its_id(
    transform: Transform, transaction: RecordFactory, email: str | None
) -> None:
    """Without an e-mail address the account's id is the external id, never its code."""
    account = {"id": "acc1", "code": "anna@mail.dev", "email": email}
    ((_, row),) = transform.rows("transactions", transaction(account=account))
    assert row["profile"] == {"external_id": "acc1"}


def test_all_accounts_can_go_by_their_code(
    transform_with: Callable[..., Transform], transaction: RecordFactory
) -> None:
    """identify_by account_code sends the code even where there is an address."""
    ((_, row),) = transform_with(identify_by="account_code").rows("transactions", transaction())
    assert row["profile"] == {"external_id": "anna"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "no id"),
        ({"account": None}, "no account"),
        ({"account": {"email": " ", "code": "anna"}}, "neither an e-mail address nor an id"),
        ({"account": {"id": "acc1", "code": "anna"}}, "no field 'email'.*select the e-mail"),
        ({"account": {"id": "acc1", "email": 7}}, "e-mail address that is no text"),
        ({"created_at": None, "collected_at": None}, "no created_at"),
        ({"created_at": "yesterday", "collected_at": None}, "created_at is not an ISO 8601 time"),
        ({"created_at": "0001-01-01T00:00:00+14:00", "collected_at": None}, "not an ISO 8601"),
        ({"amount": "plenty"}, "amount is not a number"),
        ({"amount": float("nan")}, "amount is not a number"),
        ({"amount": [20]}, "amount is not a number"),
        ({"account": "anna"}, "no account"),
        ({"status": ["success"]}, "shape of Recurly's transactions"),
    ],
)
def test_a_record_that_cannot_be_an_event_is_refused(
    transform: Transform, transaction: RecordFactory, changes: dict[str, Any], reason: str
) -> None:
    """What cannot be addressed, dated or read is refused with the reason."""
    with pytest.raises(ValueError, match=reason):
        transform.rows("transactions", transaction(**changes))


def test_what_yields_nothing_is_not_refused(
    transform: Transform, transaction: RecordFactory
) -> None:
    """An authorization without an account concerns nobody, so nothing is refused either."""
    assert transform.rows("transactions", transaction(type="authorization", account=None)) == []


INDIA = {"object": "credit_card", "cc_bin_country": "IN"}


@pytest.mark.parametrize(
    ("changes", "time"),
    [
        ({"payment_method": {"object": "credit_card"}}, "2026-05-01T10:00:00Z"),
        ({"payment_method": {"object": "apple_pay"}}, "2026-05-01T10:00:00Z"),
        ({"payment_method": {"object": "google_pay_device_pan"}}, "2026-05-01T10:00:00Z"),
        ({"payment_method": {"object": "gift_card"}}, "2026-05-01T10:00:00Z"),
        ({"payment_method": {"object": "paypal_billing_agreement"}}, "2026-05-02T10:00:00Z"),
        ({"payment_method": {"object": "stripe_link"}}, "2026-05-02T10:00:00Z"),
        ({"payment_method": {"object": "added_next_year"}}, "2026-05-02T10:00:00Z"),
        ({"payment_method": {"object": None}}, "2026-05-02T10:00:00Z"),
        ({"payment_method": None}, "2026-05-02T10:00:00Z"),
        ({"payment_method": INDIA}, "2026-05-02T10:00:00Z"),
        ({"payment_method": {**INDIA, "cc_bin_country": "US"}}, "2026-05-01T10:00:00Z"),
        ({"currency": "INR"}, "2026-05-02T10:00:00Z"),
        ({**SLOW, "refunded": True}, "2026-05-01T10:00:00Z"),
        ({**SLOW, "updated_at": "2026-05-15T10:00:00Z"}, "2026-05-15T10:00:00Z"),
        ({**SLOW, "updated_at": "2026-05-15T10:00:01Z"}, "2026-05-01T10:00:00Z"),
        ({**SLOW, "updated_at": None}, "2026-05-01T10:00:00Z"),
    ],
)
@pytest.mark.parametrize("status", ["success", "declined"])
def test_a_slow_payment_is_news_when_its_outcome_is(
    transform: Transform,
    transaction: RecordFactory,
    changes: dict[str, Any],
    time: str,
    status: str,
) -> None:
    """All but cards may take days; a change after 14 days, or a refund, is no outcome."""
    record = transaction(status=status, **changes)
    assert transform.rows("transactions", record)[0][1]["time"] == time


@pytest.mark.parametrize(
    ("changes", "may_have_been"),
    [
        ({"status": "declined"}, []),
        ({"status": "error"}, []),
        ({**SLOW, "status": "declined"}, ["recurly-txn-txn1-succeeded"]),
        ({**SLOW, "status": "error"}, ["recurly-txn-txn1-succeeded"]),
        ({**SLOW, "status": "pending"}, []),
        ({"status": "void"}, ["recurly-txn-txn1-succeeded"]),
        ({"status": "void", "voided_by_invoice": VOIDED_BY_REFUND}, []),
        ({"type": "refund", "status": "declined"}, ["recurly-txn-txn1-refunded"]),
        ({"type": "refund", "status": "void"}, ["recurly-txn-txn1-refunded"]),
        ({"type": "refund", "status": "pending"}, []),
        ({"type": "verify", "status": "void"}, []),
        ({"status": "success"}, []),
    ],
)
def test_what_an_earlier_read_may_have_found_true_is_marked(
    transform: Transform,
    transaction: RecordFactory,
    changes: dict[str, Any],
    may_have_been: list[str],
) -> None:
    """A success that did not last is given as was_true, so that an audit expects either."""
    rows = [row for _, row in transform.rows("transactions", transaction(**changes))]
    assert [row["unique_id"] for row in rows if row.get("was_true")] == may_have_been
    assert all(row["was_true"] is True for row in rows if "was_true" in row)


@pytest.mark.parametrize(
    ("code", "kind", "recoverable"),
    [
        ("insufficient_funds", "Soft", True),
        ("ach_return", "Soft", True),
        ("expired_card", "Hard", False),
        ("fraud_generic", "Fraud", None),
        ("no_gateway", "Configuration", None),
        ("gateway_timeout", "Communication", True),
        ("three_d_secure_action_required", "3-D Secure", None),
        ("recurly_error", "Unknown", None),
        ("added_next_year", "Unknown", None),
        (["declined"], "Unknown", None),
        (None, "Unknown", None),
    ],
)
def test_a_failure_says_whether_another_try_may_help(
    transform: Transform,
    transaction: RecordFactory,
    code: Any,
    kind: str,
    recoverable: bool | None,  # noqa: FBT001  (a column of the table)
) -> None:
    """Each documented code has its type; only what is sure is called recoverable or not."""
    record = transaction(status="declined", status_code=code)
    properties = transform.rows("transactions", record)[0][1]["properties"]
    assert properties["Decline Type"] == kind
    assert properties.get("Recoverable") is recoverable
