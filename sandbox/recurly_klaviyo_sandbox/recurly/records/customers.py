"""Accounts and what belongs to them, as Recurly serves them.

Recorded: where a text is missing there is an empty one, and not the null one would expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.recurly.moments import shown
from recurly_klaviyo_sandbox.recurly.records.head import Record, head

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import entities as e

# Null in every record, since this merchant does not use it.
_NO_ACCOUNT_HAS: Record = dict.fromkeys(
    (
        *("username", "override_business_entity_id", "preferred_time_zone"),
        *("exemption_certificate", "dunning_campaign_id", "invoice_template_id", "bill_date"),
    )
)


def account(account: e.Account) -> Record:
    """An account with its billing info and shipping addresses."""
    states = {subscription.state for subscription in account.subscriptions}
    return {
        **account_mini(account),
        **head(account, "account"),
        "state": "inactive" if account.closed else "active",
        "hosted_login_token": f"token{account.id}",
        "shipping_addresses": [shipping_address(account.shipping)] if account.shipping else [],
        "has_live_subscription": not states.isdisjoint({"active", "canceled", "future"}),
        "has_active_subscription": "active" in states,
        "has_future_subscription": "future" in states,
        "has_canceled_subscription": "canceled" in states,
        "has_paused_subscription": "paused" in states,
        "has_past_due_invoice": bool(account.owed),
        "deleted_at": shown(account.closed),
        "preferred_locale": account.locale,
        "cc_emails": "",
        "vat_number": "",
        "tax_exempt": False,
        "external_accounts": [],
        "address": address(account.address),
        "billing_info": billing_info(account.billing) if account.billing else None,
        "custom_fields": [],
        **_NO_ACCOUNT_HAS,
    }


def account_mini(account: e.Account) -> Record:
    """An account as other records embed it."""
    return {
        "id": account.id,
        "object": "account",
        "code": account.code,
        "email": account.email or "",
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company or "",
        "parent_account_id": account.parent.id if account.parent else None,
        "bill_to": "parent" if account.parent else "self",
        "dunning_campaign_id": None,
    }


def billing_info(info: e.BillingInfo) -> Record:
    """An account's payment method on file."""
    account = info.account
    return {
        **head(info, "billing_info"),
        "account_id": account.id,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company or "",
        "address": address(account.address),
        "vat_number": "",
        "valid": True,
        "payment_method": payment_method(info.method),
        "fraud": None,
        "primary_payment_method": True,
        "backup_payment_method": False,
        "payment_gateway_references": [],
        "updated_by": None,
    }


def payment_method(method: e.PaymentMethod) -> Record:
    """A payment method; what does not apply to its kind is left out."""
    record: Record = {"object": method.kind}
    if method.card_type:
        record |= {
            "card_type": method.card_type,
            "first_six": method.first_six,
            "last_four": method.last_four,
            "last_two": None,
            "exp_month": method.exp_month,
            "exp_year": method.exp_year,
            "gateway_token": None,
            "cc_bin_country": method.bank_country,
            "gateway_code": None,
            "billing_agreement_id": None,
            "name_on_account": None,
            "account_type": None,
            "routing_number": None,
            "routing_number_bank": None,
        }
    elif method.last_four:
        record |= {"last_four": method.last_four, "account_type": "checking"}
    return record


def shipping_address(shipping: e.ShippingAddress) -> Record:
    """Where an account's parcels go."""
    account = shipping.account
    return {
        **head(shipping, "shipping_address"),
        "account_id": account.id,
        "nickname": "Home",
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company or "",
        "email": account.email or "",
        "vat_number": "",
        **address(shipping.address),
    }


def address(place: e.Address) -> Record:
    """A postal address."""
    return {
        "phone": place.phone,
        "street1": place.street,
        "street2": "",
        "city": place.city,
        "region": place.region,
        "postal_code": place.postal_code,
        "country": place.country,
        "geo_code": None,
    }


def acquisition(acquisition: e.Acquisition) -> Record:
    """By which channel an account was won."""
    return {
        "cost": None,
        "channel": acquisition.channel,
        "subchannel": None,
        "campaign": "spring" if acquisition.channel == "email" else None,
        "acquired_at": shown(acquisition.created),
        **head(acquisition, "account_acquisition"),
        "account": account_mini(acquisition.account),
    }
