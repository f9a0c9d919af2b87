"""Streams that cost one request for each parent asked; the base class says which parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_recurly.queries import NEWEST_FIRST, NO_PARAMS, PAGE_SIZE
from tap_recurly.rows import as_lines
from tap_recurly.streams.per_parent import (
    Owner,
    PerAccount,
    PerCoupon,
    PerExternalProduct,
    PerExternalSubscription,
    PerInvoice,
    PerSubscription,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record


class AccountBalances(PerAccount):
    """What an account owes and is owed now; no time tells when that changed, so all are asked."""

    name = "account_balances"
    path = "/accounts/{account_id}/balance"
    resource = "AccountBalance"
    primary_keys = ("account_id",)
    replication_key = None

    @override
    def pages(self, path: str) -> Iterator[bytes]:
        yield as_lines([self._site.client.document(path)])


class AccountNotes(PerAccount):
    """What the merchant's people wrote down about a customer; a note never changes."""

    name = "account_notes"
    path = "/accounts/{account_id}/notes"
    resource = "AccountNote"
    params = NO_PARAMS
    replication_key = "created_at"


class BillingInfos(PerAccount):
    """All of an account's payment methods; `accounts` carries the primary one."""

    name = "billing_infos"
    path = "/accounts/{account_id}/billing_infos"
    resource = "BillingInfo"
    params = NEWEST_FIRST


class CouponRedemptions(PerAccount):
    """All redemptions, of accounts and of their subscriptions, active or not."""

    name = "coupon_redemptions"
    path = "/accounts/{account_id}/coupon_redemptions"
    resource = "CouponRedemption"
    params = NEWEST_FIRST


class Entitlements(PerAccount):
    """What customers may use, granted by their active and canceled subscriptions."""

    name = "entitlements"
    path = "/accounts/{account_id}/entitlements"
    resource = "Entitlement"
    params = NO_PARAMS
    primary_keys = ("account_id", "customer_permission_id")

    @override
    def child(self, row: Record, owner: Owner) -> Record:
        permission = (row.get("customer_permission") or {}).get("id") or ""
        return super().child(row, owner) | {"customer_permission_id": permission}


class ExternalAccounts(PerAccount):
    """Who a customer is in the app stores."""

    name = "external_accounts"
    path = "/accounts/{account_id}/external_accounts"
    resource = "ExternalAccount"
    params = NO_PARAMS


class ShippingAddresses(PerAccount):
    """Where goods are sent, as `accounts` carries it too."""

    name = "shipping_addresses"
    path = "/accounts/{account_id}/shipping_addresses"
    resource = "ShippingAddress"


class InvoiceCouponRedemptions(PerInvoice):
    """Which redemptions an invoice was discounted by."""

    name = "invoice_coupon_redemptions"
    path = "/invoices/{invoice_id}/coupon_redemptions"
    resource = "CouponRedemption"
    params = NEWEST_FIRST
    primary_keys = ("invoice_id", "id")


class UniqueCouponCodes(PerCoupon):
    """The single codes of bulk coupons, redeemed or not."""

    name = "unique_coupon_codes"
    path = "/coupons/{coupon_id}/unique_coupon_codes"
    resource = "UniqueCouponCode"

    @override
    def owners(self, parent: Record) -> Iterable[Owner]:
        return [] if parent.get("coupon_type") == "single_code" else super().owners(parent)


class Usage(PerSubscription):
    """What was used of each usage-based add-on of a subscription, billed or not."""

    name = "usage"
    path = "/subscriptions/{subscription_id}/add_ons/{add_on_id}/usage"
    resource = "Usage"
    # Without `billing_status` Recurly leaves out what has been billed; `usage_timestamp` can lie
    # in the past, so a record that comes in meanwhile would stand behind the cursor.
    params: ClassVar[Mapping[str, str]] = {
        "sort": "recorded_timestamp",
        "order": "asc",
        "limit": str(PAGE_SIZE),
        "billing_status": "all",
    }

    @override
    def owners(self, parent: Record) -> Iterable[Owner]:
        for subscribed in filter(None, parent.get("add_ons") or []):
            add_on = subscribed.get("add_on") or {}
            if add_on.get("id") and add_on.get("add_on_type") != "fixed":
                yield {"subscription_id": parent["id"], "add_on_id": add_on["id"]}


class ExternalProductReferences(PerExternalProduct):
    """What an external product is called in each app store."""

    name = "external_product_references"
    path = "/external_products/{external_product_id}/external_product_references"
    resource = "ExternalProductReferenceMini"
    params = NEWEST_FIRST


class ExternalPaymentPhases(PerExternalSubscription):
    """Trials and introductory offers of app store subscriptions."""

    name = "external_payment_phases"
    path = "/external_subscriptions/{external_subscription_id}/external_payment_phases"
    resource = "ExternalPaymentPhase"
