"""The business's entities as the records Recurly serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business import entities as e

from .moments import shown

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]


def money(cents: int) -> float:
    """Cents as the JSON number Recurly sends."""
    return cents / 100


def record(entity: e.Entity, embedded_line_items: int) -> Record:
    """The record of any entity; an invoice's carries at most so many line items."""
    if isinstance(entity, e.Invoice):
        return invoice(entity, embedded_line_items)
    return _RENDERERS[type(entity)](entity)


def invoice(invoice: e.Invoice, embedded_line_items: int) -> Record:
    """An invoice with what it embeds: its first line items, transactions, credit payments."""
    account = invoice.account
    total = invoice.total
    discount = sum(line.discount for line in invoice.lines)
    tax = sum(line.tax for line in invoice.lines)
    subtotal = total - tax + discount
    credits_paid = invoice.kind == "credit"
    refundable = sum(
        payment.amount - payment.refunded
        for payment in invoice.transactions
        if payment.status == "success" and payment.kind != "refund"
    )
    return {
        "id": invoice.id,
        "uuid": invoice.uuid,
        "object": "invoice",
        "type": invoice.kind,
        "origin": invoice.origin,
        "state": invoice.state,
        "account": account_mini(account),
        "billing_info_id": invoice.method_id,
        "subscription_ids": [s.id for s in invoice.subscriptions],
        "previous_invoice_id": invoice.previous.id if invoice.previous else None,
        "number": invoice.number,
        "collection_method": "manual" if invoice.manual else "automatic",
        "po_number": None,
        "net_terms": invoice.net_terms,
        "net_terms_type": "net",
        "address": {
            "name_on_account": None,
            "first_name": account.first_name,
            "last_name": account.last_name,
            "company": account.company,
            **address(account.address),
        },
        "shipping_address": None,
        "currency": invoice.currency,
        "discount": money(discount),
        "coupon_redemptions": [],
        "subtotal": money(subtotal),
        "subtotal_after_discount": money(subtotal - discount),
        "tax": money(tax),
        "total": money(total),
        "refundable_amount": None if credits_paid else money(refundable),
        "paid": money(invoice.paid),
        "balance": money(invoice.balance),
        "tax_info": None,
        "used_tax_service": False,
        "vat_number": None,
        "vat_reverse_charge_notes": None,
        "terms_and_conditions": None,
        "customer_notes": None,
        "line_items": [line_item(line) for line in invoice.lines[:embedded_line_items]],
        "has_more_line_items": len(invoice.lines) > embedded_line_items,
        "transactions": [transaction(payment) for payment in invoice.transactions],
        "credit_payments": [credit_payment(payment) for payment in invoice.credit_payments],
        "created_at": shown(invoice.created),
        "updated_at": shown(invoice.updated),
        "due_at": shown(invoice.due),
        "closed_at": shown(invoice.closed),
        "dunning_campaign_id": None,
        "dunning_events_sent": invoice.dunning_events,
        "final_dunning_event": invoice.final_dunning,
        "business_entity_id": None,
    }


def account_mini(account: e.Account) -> Record:
    """An account as other records embed it."""
    return {
        "id": account.id,
        "object": "account",
        "code": account.code,
        "email": account.email,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company,
        "parent_account_id": account.parent.id if account.parent else None,
        "bill_to": "parent" if account.parent else "self",
        "dunning_campaign_id": None,
    }


def invoice_mini(invoice: e.Invoice) -> Record:
    """An invoice as other records embed it."""
    return {
        "id": invoice.id,
        "object": "invoice",
        "number": invoice.number,
        "business_entity_id": None,
        "type": invoice.kind,
        "state": invoice.state,
    }


def plan_mini(plan: e.Plan) -> Record:
    """A plan as other records embed it."""
    return {"id": plan.id, "object": "plan", "code": plan.code, "name": plan.name}


def address(place: e.Address) -> Record:
    """A postal address."""
    return {
        "phone": place.phone,
        "street1": place.street,
        "street2": None,
        "city": place.city,
        "region": place.region or None,
        "postal_code": place.postal_code,
        "country": place.country,
        "geo_code": None,
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
            "cc_bin_country": "US",
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


def account(account: e.Account) -> Record:
    """An account with its billing info and shipping addresses."""
    states = {subscription.state for subscription in account.subscriptions}
    return {
        "id": account.id,
        "object": "account",
        "state": "inactive" if account.closed else "active",
        "hosted_login_token": f"token{account.id}",
        "shipping_addresses": [shipping_address(account.shipping)] if account.shipping else [],
        "has_live_subscription": not states.isdisjoint({"active", "canceled", "future"}),
        "has_active_subscription": "active" in states,
        "has_future_subscription": "future" in states,
        "has_canceled_subscription": "canceled" in states,
        "has_paused_subscription": "paused" in states,
        "has_past_due_invoice": bool(account.owed),
        "created_at": shown(account.created),
        "updated_at": shown(account.updated),
        "deleted_at": shown(account.closed),
        "code": account.code,
        "username": None,
        "email": account.email,
        "override_business_entity_id": None,
        "preferred_locale": account.locale,
        "preferred_time_zone": None,
        "cc_emails": None,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company,
        "vat_number": None,
        "tax_exempt": False,
        "exemption_certificate": None,
        "external_accounts": [],
        "parent_account_id": account.parent.id if account.parent else None,
        "bill_to": "parent" if account.parent else "self",
        "dunning_campaign_id": None,
        "invoice_template_id": None,
        "address": address(account.address),
        "billing_info": billing_info(account.billing) if account.billing else None,
        "custom_fields": (
            [{"name": "channel", "value": account.channel}] if account.channel else []
        ),
        "bill_date": None,
    }


def billing_info(info: e.BillingInfo) -> Record:
    """An account's payment method on file."""
    account = info.account
    return {
        "id": info.id,
        "object": "billing_info",
        "account_id": account.id,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company,
        "address": address(account.address),
        "vat_number": None,
        "valid": True,
        "payment_method": payment_method(info.method),
        "fraud": None,
        "primary_payment_method": True,
        "backup_payment_method": False,
        "payment_gateway_references": [],
        "created_at": shown(info.created),
        "updated_at": shown(info.updated),
        "updated_by": None,
    }


def shipping_address(shipping: e.ShippingAddress) -> Record:
    """Where an account's parcels go."""
    account = shipping.account
    return {
        "id": shipping.id,
        "object": "shipping_address",
        "account_id": account.id,
        "nickname": "Home",
        "first_name": account.first_name,
        "last_name": account.last_name,
        "company": account.company,
        "email": account.email,
        "vat_number": None,
        **address(shipping.address),
        "created_at": shown(shipping.created),
        "updated_at": shown(shipping.updated),
    }


def subscription(subscription: e.Subscription) -> Record:
    """A subscription with its add-ons and, when there is one, the change that is to come."""
    extras = [subscribed_add_on(subscription, extra) for extra in subscription.add_ons]
    subtotal = subscription.subtotal
    return {
        "id": subscription.id,
        "object": "subscription",
        "uuid": subscription.uuid,
        "account": account_mini(subscription.account),
        "plan": plan_mini(subscription.plan),
        "state": subscription.state,
        "shipping": None,
        "coupon_redemptions": [],
        "pending_change": subscription_change(subscription) if subscription.next_plan else None,
        "current_period_started_at": shown(subscription.period_start),
        "current_period_ends_at": shown(subscription.period_end),
        "current_term_started_at": shown(subscription.period_start),
        "current_term_ends_at": shown(subscription.period_end),
        "trial_started_at": shown(subscription.trial_start),
        "trial_ends_at": shown(subscription.trial_end),
        "remaining_billing_cycles": 0,
        "total_billing_cycles": 1,
        "renewal_billing_cycles": 1,
        "auto_renew": True,
        "ramp_intervals": None,
        "paused_at": shown(subscription.paused),
        "remaining_pause_cycles": subscription.pause_cycles,
        "resume_at": None,
        "currency": subscription.currency,
        "revenue_schedule_type": "evenly",
        "unit_amount": money(subscription.unit),
        "tax_inclusive": False,
        "quantity": subscription.quantity,
        "add_ons": extras,
        "add_ons_total": money(subtotal - subscription.unit * subscription.quantity),
        "subtotal": money(subtotal),
        "tax": 0.0,
        "tax_info": None,
        "price_segment_id": None,
        "total": money(subtotal),
        "collection_method": "manual" if subscription.manual else "automatic",
        "po_number": None,
        "net_terms": 30 if subscription.manual else 0,
        "net_terms_type": "net",
        "terms_and_conditions": None,
        "customer_notes": None,
        "expiration_reason": subscription.expiration_reason,
        "custom_fields": [],
        "created_at": shown(subscription.created),
        "updated_at": shown(subscription.updated),
        "activated_at": shown(subscription.activated),
        "canceled_at": shown(subscription.canceled),
        "expires_at": shown(subscription.expires),
        "bank_account_authorized_at": None,
        "gateway_code": None,
        "billing_info_id": None,
        "active_invoice_id": None,
        "business_entity_id": None,
        "started_with_gift": False,
        "converted_at": None,
        "action_result": None,
    }


def subscription_change(subscription: e.Subscription) -> Record:
    """The plan a subscription will be on from its next renewal."""
    to_come = subscription.next_plan or subscription.plan
    return {
        "id": subscription.change_id,
        "object": "subscription_change",
        "subscription_id": subscription.id,
        "plan": plan_mini(to_come),
        "add_ons": [],
        "unit_amount": money(to_come.prices[subscription.currency]),
        "tax_inclusive": False,
        "quantity": subscription.quantity,
        "shipping": None,
        "activate_at": shown(subscription.period_end),
        "activated": False,
        "custom_fields": [],
        "created_at": shown(subscription.change_created),
        "updated_at": shown(subscription.change_created),
        "deleted_at": None,
    }


def subscribed_add_on(subscription: e.Subscription, extra: e.SubscribedAddOn) -> Record:
    """An add-on as part of a subscription."""
    return {
        "id": extra.id,
        "object": "subscription_add_on",
        "subscription_id": subscription.id,
        "add_on": {
            "id": extra.add_on.id,
            "object": "add_on",
            "code": extra.add_on.code,
            "name": extra.add_on.name,
            "add_on_type": "usage" if extra.add_on.metered else "fixed",
        },
        "add_on_source": "plan_add_on",
        "quantity": extra.quantity,
        "unit_amount": money(extra.unit),
        "unit_amount_decimal": None,
        "revenue_schedule_type": "evenly",
        "tier_type": "flat",
        "tiers": [],
        "created_at": shown(extra.created),
        "updated_at": shown(extra.created),
        "expired_at": None,
    }


def line_item(line: e.LineItem) -> Record:
    """One line of an invoice."""
    invoice = line.invoice
    plan, extra, product = line.plan, line.add_on, line.item
    return {
        "id": line.id,
        "object": "line_item",
        "uuid": line.uuid,
        "type": line.kind,
        "item_code": product.code if product else None,
        "item_id": product.id if product else None,
        "external_sku": f"SKU-{product.code}" if product else None,
        "revenue_schedule_type": "evenly",
        "state": "invoiced",
        "legacy_category": line.legacy_category,
        "account": account_mini(invoice.account),
        "bill_for_account_id": line.bill_for.id if line.bill_for else None,
        "subscription_id": line.subscription.id if line.subscription else None,
        "plan_id": plan.id if plan else None,
        "plan_code": plan.code if plan else None,
        "add_on_id": extra.id if extra else None,
        "add_on_code": extra.code if extra else None,
        "invoice_id": invoice.id,
        "invoice_number": invoice.number,
        "previous_line_item_id": line.original.id if line.original else None,
        "original_line_item_invoice_id": line.original.invoice.id if line.original else None,
        "origin": line.origin,
        "accounting_code": plan.code if plan else None,
        "product_code": _product_code(line),
        "credit_reason_code": line.credit_reason,
        "currency": invoice.currency,
        "amount": money(line.amount),
        "description": line.description,
        "quantity": line.quantity,
        "quantity_decimal": None,
        "unit_amount": money(line.unit),
        "unit_amount_decimal": None,
        "tax_inclusive": False,
        "subtotal": money(line.subtotal),
        "discount": money(line.discount),
        "discounts": [],
        "tax": money(line.tax),
        "taxable": True,
        "tax_exempt": False,
        "avalara_transaction_type": None,
        "avalara_service_type": None,
        "tax_code": None,
        "tax_info": None,
        "proration_rate": None,
        "refund": line.original is not None,
        "refunded_quantity": line.refunded_quantity,
        "refunded_quantity_decimal": None,
        "credit_applied": 0.0,
        "shipping_address": None,
        "start_date": shown(line.start),
        "end_date": shown(line.end),
        "custom_fields": [],
        "created_at": shown(line.created),
        "updated_at": shown(line.updated),
    }


def _product_code(line: e.LineItem) -> str | None:
    sold = line.item or line.add_on or line.plan
    return sold.code if sold else None


def transaction(payment: e.Transaction) -> Record:
    """A transaction. What only a gateway's answer brings is null where there was none."""
    account, decline, invoice = payment.account, payment.decline, payment.invoice
    succeeded = payment.status == "success"
    return {
        "id": payment.id,
        "object": "transaction",
        "uuid": payment.uuid,
        "original_transaction_id": payment.original.id if payment.original else None,
        "account": account_mini(account),
        "initiator": None,
        "invoice": invoice_mini(invoice) if invoice else None,
        "merchant_reason_code": None,
        "voided_by_invoice": invoice_mini(payment.voided_by) if payment.voided_by else None,
        "subscription_ids": [s.id for s in invoice.subscriptions] if invoice else [],
        "type": payment.kind,
        "origin": payment.origin,
        "currency": payment.currency,
        "amount": money(payment.amount),
        "status": payment.status,
        "success": succeeded,
        "backup_payment_method_used": False,
        "refunded": payment.kind != "refund" and payment.refunded > 0,
        "billing_address": {
            "first_name": account.first_name,
            "last_name": account.last_name,
            **address(account.address),
        },
        "collection_method": "manual" if payment.manual else "automatic",
        "payment_method": payment_method(payment.method),
        "ip_address_v4": None,
        "ip_address_country": None,
        "status_code": decline.code if decline else ("approved" if succeeded else None),
        "status_message": decline.reason if decline else None,
        "customer_message": decline.customer_message if decline else None,
        "customer_message_locale": "en-US",
        "payment_gateway": (
            None
            if payment.manual
            else {
                "id": "sandboxgateway",
                "object": "payment_gateway",
                "type": "TestGateway",
                "name": "Test Gateway",
            }
        ),
        "gateway_message": "Declined" if decline else "Approved",
        "gateway_reference": payment.uuid[:10],
        "gateway_approval_code": None,
        "gateway_response_code": decline.gateway_code if decline else None,
        "gateway_response_time": 0.3,
        "gateway_response_values": {},
        "cvv_check": None,
        "avs_check": None,
        "created_at": shown(payment.created),
        "updated_at": shown(payment.updated),
        "voided_at": shown(payment.voided),
        "collected_at": shown(payment.collected),
        "action_result": None,
        "vat_number": None,
        "fraud_info": None,
    }


def credit_payment(payment: e.CreditPayment) -> Record:
    """Money of a credit invoice on its way."""
    return {
        "id": payment.id,
        "object": "credit_payment",
        "uuid": payment.uuid,
        "action": payment.action,
        "account": account_mini(payment.account),
        "applied_to_invoice": invoice_mini(payment.applied_to) if payment.applied_to else None,
        "original_invoice": invoice_mini(payment.original),
        "currency": payment.currency,
        "amount": money(payment.amount),
        "original_credit_payment_id": None,
        "refund_transaction": transaction(payment.refund) if payment.refund else None,
        "created_at": shown(payment.created),
        "updated_at": shown(payment.updated),
        "voided_at": None,
    }


def plan(plan: e.Plan) -> Record:
    """A plan with its prices."""
    return {
        **plan_mini(plan),
        "state": "active",
        "pricing_model": "fixed",
        "currencies": [
            {
                "currency": currency,
                "setup_fee": money(plan.setup_fee),
                "unit_amount": money(cents),
                "price_segment_id": None,
                "tax_inclusive": False,
            }
            for currency, cents in plan.prices.items()
        ],
        "interval_unit": plan.interval_unit,
        "interval_length": plan.interval_length,
        "description": None,
        "accounting_code": plan.code,
        "trial_unit": "days",
        "trial_length": plan.trial_days,
        "trial_requires_billing_info": True,
        "total_billing_cycles": None,
        "auto_renew": True,
        "custom_fields": [],
        "tax_exempt": False,
        "allow_any_item_on_subscriptions": False,
        "created_at": shown(plan.created),
        "updated_at": shown(plan.updated),
        "deleted_at": None,
    }


def add_on(add_on: e.AddOn) -> Record:
    """An extra on a plan."""
    return {
        "id": add_on.id,
        "object": "add_on",
        "plan_id": add_on.plan.id,
        "code": add_on.code,
        "state": "active",
        "name": add_on.name,
        "add_on_type": "usage" if add_on.metered else "fixed",
        "usage_type": "price" if add_on.metered else None,
        "accounting_code": add_on.code,
        "revenue_schedule_type": "evenly",
        "display_quantity": False,
        "default_quantity": 1,
        "optional": True,
        "currencies": [
            {"currency": currency, "unit_amount": money(add_on.price)}
            for currency in add_on.plan.prices
        ],
        "tier_type": "flat",
        "tiers": [],
        "created_at": shown(add_on.created),
        "updated_at": shown(add_on.updated),
        "deleted_at": None,
    }


def item(item: e.Item) -> Record:
    """A catalogue item."""
    return {
        "id": item.id,
        "object": "item",
        "code": item.code,
        "state": "active",
        "name": item.name,
        "description": None,
        "external_sku": f"SKU-{item.code}",
        "accounting_code": item.code,
        "revenue_schedule_type": "at_range_start",
        "tax_exempt": False,
        "custom_fields": [],
        "currencies": [{"currency": "USD", "unit_amount": money(item.price)}],
        "created_at": shown(item.created),
        "updated_at": shown(item.updated),
        "deleted_at": None,
    }


def coupon(coupon: e.Coupon) -> Record:
    """A discount anyone may redeem."""
    duration = "forever" if coupon.invoices < 0 else "billing_periods"
    return {
        "id": coupon.id,
        "object": "coupon",
        "code": coupon.code,
        "name": coupon.name,
        "state": "redeemable",
        "max_redemptions": None,
        "max_redemptions_per_account": None,
        "unique_coupon_codes_count": 0,
        "duration": "single_use" if coupon.invoices == 1 else duration,
        "temporal_amount": coupon.invoices if coupon.invoices > 1 else None,
        "applies_to_all_plans": True,
        "applies_to_all_items": False,
        "applies_to_non_plan_charges": False,
        "plans": [],
        "items": [],
        "redemption_resource": "subscription",
        "discount": {"type": "percent", "percent": coupon.percent},
        "coupon_type": "single_code",
        "created_at": shown(coupon.created),
        "updated_at": shown(coupon.updated),
        "expired_at": None,
    }


def coupon_redemption(redemption: e.CouponRedemption) -> Record:
    """A coupon in an account's hands."""
    return {
        "id": redemption.id,
        "object": "coupon_redemption",
        "uuid": redemption.uuid,
        "account": account_mini(redemption.account),
        "subscription_id": redemption.subscription.id,
        "coupon": coupon(redemption.coupon),
        "state": "inactive" if redemption.removed else "active",
        "currency": redemption.account.currency,
        "discounted": money(redemption.discounted),
        "created_at": shown(redemption.created),
        "updated_at": shown(redemption.updated),
        "removed_at": shown(redemption.removed),
    }


def keys(entity: e.Entity) -> Record:
    """Just enough of an entity's record to file it: what its table's columns are taken from."""
    if isinstance(entity, e.LineItem):
        invoice = entity.invoice
        return {
            "account": {"id": invoice.account.id},
            "invoice_id": invoice.id,
            "subscription_id": entity.subscription.id if entity.subscription else None,
            "state": "invoiced",
            "type": entity.kind,
            "previous_line_item_id": entity.original.id if entity.original else None,
        }
    if isinstance(entity, e.Transaction):
        return {
            "account": {"id": entity.account.id},
            "uuid": entity.uuid,
            "type": entity.kind,
            "success": entity.status == "success",
        }
    if isinstance(entity, e.Invoice):
        return {
            "account": {"id": entity.account.id},
            "number": entity.number,
            "state": entity.state,
            "type": entity.kind,
            "previous_invoice_id": entity.previous.id if entity.previous else None,
        }
    return _RENDERERS[type(entity)](entity)


_RENDERERS: dict[type[e.Entity], Callable[[Any], Record]] = {
    e.Account: account,
    e.AddOn: add_on,
    e.BillingInfo: billing_info,
    e.Coupon: coupon,
    e.CouponRedemption: coupon_redemption,
    e.CreditPayment: credit_payment,
    e.Item: item,
    e.LineItem: line_item,
    e.Plan: plan,
    e.ShippingAddress: shipping_address,
    e.Subscription: subscription,
    e.Transaction: transaction,
}
