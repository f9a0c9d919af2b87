"""The official `recurly` client as an independent judge of the sandbox."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest
import recurly
from recurly import errors

from recurly_klaviyo_sandbox.faults import Fault, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LISTS = (
    "accounts",
    "subscriptions",
    "invoices",
    "line_items",
    "transactions",
    "plans",
    "add_ons",
    "items",
    "coupons",
    "credit_payments",
    "account_acquisition",
    "gift_cards",
    "external_subscriptions",
    "dunning_campaigns",
    "sites",
)
ASCENDING = {"limit": 200, "sort": "updated_at", "order": "asc"}


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Points an official client at a site: its private HTTPS connection becomes a plain one."""
    connections = []

    def connect_to(reader: Any, key: str = "sandbox-recurly-key") -> Any:
        client = recurly.Client(key)
        host, _, port = reader.url.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connections.append(connection)
        vars(client)["_BaseClient__conn"] = connection
        return client

    yield connect_to
    for connection in connections:
        connection.close()


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's strict mode: it refuses fields and resources that it does not know."""
    monkeypatch.setattr(recurly, "STRICT_MODE", True)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("name", LISTS)
def test_the_client_pages_through_lists_and_counts_them(
    connect: Callable[..., Any], merchant_site: Any, name: str
) -> None:
    """Its iterator yields as many distinct rows as its HEAD count says, each of a known class."""
    pager = getattr(connect(merchant_site), f"list_{name}")()
    rows = list(pager.items())
    assert len(rows) == pager.count() == len({row.id for row in rows}) > 0
    assert {type(row).__module__ for row in rows} == {"recurly.resources"}


def test_the_client_takes_the_first(connect: Callable[..., Any], merchant_site: Any) -> None:
    """`first` and `take` ask for as many as they need."""
    client = connect(merchant_site)
    oldest = client.list_accounts(params={"sort": "created_at", "order": "asc"})
    assert oldest.first().id == merchant_site.site.store.ids("accounts")[0]
    assert len(oldest.take(7)) == 7


def test_the_client_filters(connect: Callable[..., Any], merchant_site: Any) -> None:
    """Its way of writing filters, ids and times is understood."""
    client = connect(merchant_site)
    payments = list(client.list_transactions(params=ASCENDING | {"type": "payment"}).items())
    assert {payment.type for payment in payments} == {"purchase", "capture"}
    middle = payments[len(payments) // 2]
    later = client.list_transactions(params=ASCENDING | {"begin_time": middle.updated_at})
    assert 0 < later.count() < client.list_transactions().count()
    wanted = [payment.id for payment in payments[:5]]
    found = client.list_transactions(params={"ids": wanted}).items()
    assert {payment.id for payment in found} == set(wanted)


def test_the_client_reads_single_records(connect: Callable[..., Any], merchant_site: Any) -> None:
    """Records are found by id, code, number and uuid, and embed each other as typed resources."""
    client = connect(merchant_site)
    account = client.list_accounts(params={"subscriber": True}).first()
    assert client.get_account(f"code-{account.code}").id == account.id
    cards = [
        row.billing_info.payment_method
        for row in client.list_accounts().items()
        if row.billing_info
    ]
    assert any(card.exp_year for card in cards)
    assert client.get_account_balance(account.id).account.id == account.id
    invoice = client.list_invoices(params={"type": "charge"}).first()
    assert client.get_invoice(f"number-{invoice.number}").line_items[0].invoice_id == invoice.id
    subscription = client.list_account_subscriptions(account.id).first()
    assert client.get_subscription(f"uuid-{subscription.uuid}").plan.code == subscription.plan.code


def test_the_client_learns_the_rate_limit(
    connect: Callable[..., Any], open_site: Callable[..., Any]
) -> None:
    """Its response carries limit, remaining and the time of the reset."""
    reader = open_site(per_minute=400)
    account = reader.site.store.put("accounts", {})
    response = connect(reader).get_account(account["id"]).get_response()
    assert (response.rate_limit, response.rate_limit_remaining) == (2000, 1999)
    assert response.rate_limit_reset.second == 0
    assert response.date == reader.ask("/accounts").headers["Date"]


@pytest.mark.parametrize(
    ("options", "call", "error"),
    [
        ({}, lambda c: c.get_account("nobody"), errors.NotFoundError),
        (
            {"forbidden": {"/plans"}},
            lambda c: c.list_plans().first(),
            errors.InvalidPermissionsError,
        ),
        (
            {"missing_features": {"/items"}},
            lambda c: c.list_items().first(),
            errors.MissingFeatureError,
        ),
        ({}, lambda c: c.list_plans(params={"limit": 500}).take(500), errors.BadRequestError),
        ({}, lambda c: c.list_gift_cards(params={"limit": 5}).first(), errors.BadRequestError),
        ({"per_minute": 0}, lambda c: c.list_plans().first(), errors.RateLimitedError),
    ],
)
def test_the_client_raises_its_typed_errors(
    connect: Callable[..., Any],
    open_site: Callable[..., Any],
    options: dict[str, Any],
    call: Callable[[Any], Any],
    error: type[Exception],
) -> None:
    """Each refusal becomes the client's own class of error."""
    with pytest.raises(error):
        call(connect(open_site(**options)))


@pytest.mark.parametrize(
    ("status", "error"), [(401, errors.UnauthorizedError), (403, errors.InvalidApiKeyError)]
)
def test_the_client_knows_a_wrong_key(
    connect: Callable[..., Any], open_site: Callable[..., Any], status: int, error: type[Exception]
) -> None:
    """Both ways of refusing a key have a class of their own."""
    with pytest.raises(error):
        connect(open_site(wrong_key_status=status), "another-key").list_plans().first()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, errors.InternalServerError),
        (502, errors.BadGatewayError),
        (503, errors.ServiceUnavailableError),
        (504, errors.TimeoutError),
    ],
)
def test_the_client_knows_a_gateway_error_in_html(
    connect: Callable[..., Any], open_site: Callable[..., Any], status: int, error: type[Exception]
) -> None:
    """A gateway's HTML page is told by its status."""
    reader = open_site()
    page = b"<html><body>upstream</body></html>"
    html = {"Content-Type": "text/html", "X-Request-Id": "r"}
    reader.site.network.faults.append(Fault(Trouble.ANSWER, status=status, body=page, headers=html))
    with pytest.raises(error):
        connect(reader).list_plans().first()
