"""Wrong settings are refused with a sentence that says what would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable

    RecordFactory = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"identfy_by": "email"}, "'identfy_by'.*did you mean 'identify_by'"),
        ({"zzz": 1}, "choose from metrics, properties, names"),
        ({"identify_by": "phone"}, "choose from email, account_code"),
        ({"issued_invoice_types": "charge"}, "must be a list of texts"),
        ({"issued_invoice_types": ["charg"]}, "did you mean 'charge'"),
        ({"ordered_product_origins": [1]}, "must be a list of texts"),
        ({"names": ["Failed Payment"]}, "must be an object"),
        ({"names": {"Failed Paymnt": "x"}}, "did you mean 'Failed Payment'"),
        ({"names": {"Failed Payment": " "}}, "no usable name"),
        ({"names": {"Failed Payment": "Issued Invoice"}}, "'Issued Invoice' twice"),
        ({"metrics": "Failed Payment"}, "metrics must be a list of texts"),
        ({"metrics": ["+Started Subscripton"]}, r"did you mean '\+Started Subscription'"),
        ({"metrics": ["+lifecicle"]}, r"'\+lifecicle' in metrics.*did you mean '\+lifecycle'"),
        ({"metrics": ["zzz"]}, "choose from native, lifecycle, dunning, reminders, Issued"),
        ({"properties": ["+statis"]}, r"did you mean '\+status'"),
        ({"lead_days": 0}, "lead_days must be a number of days from 1 to 365"),
        ({"lead_days": []}, "lead_days must be a number of days"),
        ({"lead_days": [3, "x"]}, "lead_days must be a number of days"),
        ({"lead_days": True}, "lead_days must be a number of days"),
        ({"lead_days": [[3]]}, "lead_days must be a number of days"),
        ({"link_accounts": "maybe"}, "link_accounts must be true or false"),
        ({"links": {"property": "x"}}, "links must be a list of objects"),
        ({"custom_fields": ["size"]}, "custom_fields must be an object"),
        ({"custom_fields": {"acount": ["size"]}}, "did you mean 'account'"),
        ({"custom_fields": {"account": "size"}}, "custom_fields.account must be a list of texts"),
        (
            {"custom_fields": {"account": ["size"], "subscription": ["size"]}},
            "'size' of the account and of the subscription",
        ),
        ({"profile_attributes": ["firstname"]}, "did you mean 'first_name'"),
        ({"site": 7}, "site must be a text"),
    ],
)
def test_a_wrong_setting_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    """Unknown names, wrong values and colliding renames are refused before anything runs."""
    with pytest.raises(ValueError, match=sentence):
        Transform(settings)


def test_null_means_default(
    transform_with: Callable[..., Transform], transaction: RecordFactory
) -> None:
    """A setting left null, as environments and forms leave it, has its default."""
    transform = transform_with(identify_by=None, names=None, issued_invoice_types=None)
    ((_, event),) = transform.rows("transactions", transaction())
    assert event["metric"] == "Successfully Paid"
    assert event["profile"] == {"email": "anna@mail.dev"}


def test_metrics_and_properties_can_be_renamed(
    transform_with: Callable[..., Transform],
    transaction: RecordFactory,
    snapshot: RecordFactory,
) -> None:
    """Renames reach the metric and the profile property; unique ids stay as they were."""
    transform = transform_with(
        names={"Successfully Paid": "Framgångsrikt betald", "Recurly Plans": "Plans"}
    )
    ((_, event),) = transform.rows("transactions", transaction())
    ((_, profile),) = transform.rows("account_snapshots", snapshot())
    assert event["metric"] == "Framgångsrikt betald"
    assert event["unique_id"] == "recurly-txn-txn1-succeeded"
    assert profile["properties"]["Plans"] == ["Gold"]
    assert "Recurly Plans" not in profile["properties"]


NATIVE = {
    *("Failed Payment", "Issued Invoice", "Ordered Product"),
    *("Refunded Payment", "Successfully Paid"),
}
DUNNING = {"Past Due Invoice", "Failed Invoice"}


@pytest.mark.parametrize(
    ("chosen", "metrics"),
    [
        (None, NATIVE),
        (["native"], NATIVE),
        (["+dunning"], NATIVE | DUNNING),
        (["+Started Subscription"], NATIVE | {"Started Subscription"}),
        (["+ Failed Invoice", "+Started Trial"], NATIVE | {"Failed Invoice", "Started Trial"}),
        (["dunning"], DUNNING),
        (["Failed Payment", "+dunning"], {"Failed Payment"} | DUNNING),
        (["Failed Payment"], {"Failed Payment"}),
        ([], set()),
    ],
)
def test_metrics_are_chosen_by_name_and_group(
    transform_with: Callable[..., Transform], chosen: list[str] | None, metrics: set[str]
) -> None:
    """Entries with + add to the native ones; a list with others is what is sent, no more."""
    assert transform_with(metrics=chosen).metrics == metrics


def test_what_vanishes_in_recurly_is_told(transform_with: Callable[..., Transform]) -> None:
    """An audit learns, under the names as sent, whose events a later read no longer expects."""
    everything = ["native", "lifecycle", "dunning", "reminders"]
    transform = transform_with(metrics=everything, names={"Expiring Card": "Card"})
    assert transform.vanishing_metrics == {
        *("Paused Subscription", "Canceled Subscription", "Past Due Invoice", "Failed Invoice"),
        *("Upcoming Renewal", "Ending Trial", "Card"),
    }
    assert transform_with().vanishing_metrics == set()


def test_values_that_follow_a_subscription_are_told(
    transform_with: Callable[..., Transform],
) -> None:
    """An audit learns which metrics are worth what a subscription costs now; bills are not."""
    transform = transform_with(metrics=["+lifecycle", "+dunning"], names={"Started Trial": "Trial"})
    assert transform.moving_value_metrics == {
        *("Started Subscription", "Trial", "Paused Subscription", "Canceled Subscription"),
        "Expired Subscription",
    }
    assert transform_with().moving_value_metrics == set()


def test_properties_are_chosen_like_metrics(
    transform_with: Callable[..., Transform], snapshot: RecordFactory
) -> None:
    """One by name, or more by group."""
    for chosen, names in [
        (["Recurly Plans"], {"Recurly Plans"}),
        ([], set()),
        (
            None,
            {"Recurly Account Code", "Recurly Card Expiration Date"}
            | {"Recurly Plan Codes", "Recurly Plans"},
        ),
    ]:
        ((_, row),) = transform_with(properties=chosen).rows("account_snapshots", snapshot())
        assert row["properties"].keys() == names


def test_texts_of_the_environment_are_understood(
    transform_with: Callable[..., Transform], snapshot: RecordFactory
) -> None:
    """Meltano and shells pass switches and numbers as texts."""
    transform = transform_with(link_accounts="False", lead_days="7", site=" ")
    ((_, row),) = transform.rows("account_snapshots", snapshot())
    assert "external_id" not in row
    assert transform.event_scope == {}
