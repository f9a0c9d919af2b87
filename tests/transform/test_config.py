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
