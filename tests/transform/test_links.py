"""Links are templates that are filled per row, with every value encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable

    RecordFactory = Callable[..., dict[str, Any]]

URL = "https://shop.example/billing?account={account_code}"


def _links(*links: dict[str, Any], **settings: Any) -> Transform:
    return Transform({"links": list(links), **settings})


def test_payments_and_dunning_carry_a_link_by_default(
    transaction: RecordFactory, invoice: RecordFactory, snapshot: RecordFactory
) -> None:
    """Where `on` does not say otherwise, neither invoices issued nor profiles carry it."""
    transform = _links({"property": "Update Card URL", "url": URL}, metrics=["+dunning"])
    link = "https://shop.example/billing?account=anna"
    records = [
        ("transactions", transaction(status="declined")),
        ("invoices", invoice(state="past_due")),
        ("account_snapshots", snapshot()),
    ]
    rows = [row for stream, record in records for _, row in transform.rows(stream, record)]
    carriers = {row.get("metric") for row in rows if row["properties"].get("Update Card URL")}
    assert carriers == {"Failed Payment", "Past Due Invoice"}
    assert rows[0]["properties"]["Update Card URL"] == link


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_value_is_encoded_and_can_be_decoded(code: str) -> None:
    """Whatever stands in a code, the link is plain ASCII and gives the code back."""
    transform = _links(
        {"property": "Link", "url": "https://x.example/{account_code}", "on": ["profile"]}
    )
    snapshot = {"id": "acc1", "code": code, "email": "a@mail.dev", "same_email": []}
    link = transform.rows("account_snapshots", snapshot)[0][1]["properties"]["Link"]
    value = link.removeprefix("https://x.example/")
    assert value.isascii()
    assert not set(value) & set("/?#&=+ ")
    assert unquote(value) == code


def test_a_link_names_what_its_event_is_about(
    transaction: RecordFactory, snapshot: RecordFactory, subscription: RecordFactory
) -> None:
    """Invoice, subscription, plan and account, where the event tells of them; braces doubled."""
    transform = _links(
        {"property": "Invoice URL", "url": "https://x.example/{{i}}/{invoice_number}"},
        {
            "property": "Plan URL",
            "url": "https://x.example/{plan_code}/{subscription_id}?a={account_id}&e={email}",
            "on": ["Started Subscription"],
        },
        metrics=["+Started Subscription"],
    )
    record = transaction(status="declined", invoice={"number": "1001"})
    ((_, failed),) = transform.rows("transactions", record)
    assert failed["properties"]["Invoice URL"] == "https://x.example/{i}/1001"
    record = snapshot(subscriptions=[subscription()])
    _, (_, started) = transform.rows("account_snapshots", record)
    assert started["properties"]["Plan URL"] == (
        "https://x.example/gold/sub1?a=acc1&e=anna%40mail.dev"
    )


def test_an_address_can_be_named_where_codes_identify(transaction: RecordFactory) -> None:
    """A template may name the address, whatever the profile is known by."""
    transform = _links(
        {"property": "Link", "url": "https://x.example/{email}"}, identify_by="account_code"
    )
    ((_, row),) = transform.rows("transactions", transaction())
    assert row["properties"]["Link"] == "https://x.example/anna%40mail.dev"


TOKEN_LINK = {
    "property": "Account URL",
    "url": "https://shop.recurly.example/account/billing_info/edit?ht={hosted_login_token}",
    "on": ["profile"],
}


def test_a_login_token_is_passed_on_only_where_it_was_asked_for(
    snapshot: RecordFactory,
) -> None:
    """The token stands in the chosen link and nowhere else; without it the link is left out."""
    record = snapshot(hosted_login_token="secret", profile="x")  # noqa: S106
    assert "secret" not in str(Transform({}).rows("account_snapshots", record))
    transform = _links(TOKEN_LINK)
    assert "ht=secret" in str(transform.rows("account_snapshots", record))
    assert "Account URL" not in str(transform.rows("account_snapshots", snapshot()))
    (sentence,) = transform.summary()
    assert "Account URL (1)" in sentence


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("https://x.example", "links must be a list of objects"),
        ({"url": URL}, "an entry without property"),
        ({"property": "Link"}, "'Link' has no url that starts with https"),
        ({"property": "Link", "url": "shop.example"}, "has no url that starts with https"),
        ({"property": "Link", "url": URL, "onn": []}, "'onn' in links.*did you mean 'on'"),
        ({"property": "Link", "url": URL, "on": []}, "an on that is no list"),
        (
            {"property": "Link", "url": URL, "on": ["Failed Paymnt"]},
            "did you mean 'Failed Payment'",
        ),
        ({"property": "Link", "url": URL, "on": ["Profile"]}, "did you mean 'profile'"),
        ({"property": "Link", "url": "https://x/{acount_code}"}, "did you mean 'account_code'"),
        ({"property": "Link", "url": "https://x/{}"}, "names '', which does not exist"),
        ({"property": "Link", "url": "https://x/{email!r}"}, "more than a name in {email}"),
        ({"property": "Link", "url": "https://x/{email"}, "cannot be read.*brace"),
        (
            {**TOKEN_LINK, "on": ["Failed Payment"]},
            "which Failed Payment cannot carry.*on: profile",
        ),
    ],
)
def test_a_wrong_link_is_one_sentence(link: Any, sentence: str) -> None:
    """Unknown fields and metrics, and urls that are none, are refused before anything runs."""
    with pytest.raises(ValueError, match=sentence):
        _links(link)


def test_two_links_cannot_fill_one_property_in_one_place() -> None:
    """Which of the two would win would be chance."""
    link = {"property": "Link", "url": URL, "on": ["profile"]}
    with pytest.raises(ValueError, match="links fills 'Link' twice in one place"):
        _links(link, link)
    _links(link, {**link, "on": ["Failed Payment"]})
