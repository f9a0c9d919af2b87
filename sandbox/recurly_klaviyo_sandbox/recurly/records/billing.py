"""Invoices, line items, transactions and credit payments as Recurly serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.recurly.moments import money, shown
from recurly_klaviyo_sandbox.recurly.records.customers import account_mini, address, payment_method
from recurly_klaviyo_sandbox.recurly.records.head import Record, head

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import entities as e

# Null in every record, since this merchant does not use it.
_NO_INVOICE_HAS: Record = dict.fromkeys(
    (
        *("po_number", "shipping_address", "tax_info", "vat_reverse_charge_notes"),
        *("terms_and_conditions", "customer_notes"),
        *("dunning_campaign_id", "business_entity_id"),
    )
)
_NO_LINE_HAS: Record = dict.fromkeys(
    (
        *("avalara_transaction_type", "avalara_service_type", "tax_code", "tax_info"),
        *("proration_rate", "refunded_quantity_decimal", "shipping_address"),
    )
)
_NO_TRANSACTION_HAS: Record = dict.fromkeys(
    (
        *("initiator", "merchant_reason_code", "ip_address_v4", "ip_address_country"),
        *("gateway_approval_code", "cvv_check", "avs_check"),
        *("action_result", "vat_number", "fraud_info"),
    )
)


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
        **invoice_mini(invoice),
        **head(invoice, "invoice"),
        "origin": invoice.origin,
        "account": account_mini(account),
        "billing_info_id": invoice.method_id,
        "subscription_ids": [s.id for s in invoice.subscriptions],
        "previous_invoice_id": invoice.previous.id if invoice.previous else None,
        "collection_method": "manual" if invoice.manual else "automatic",
        "net_terms": invoice.net_terms,
        "net_terms_type": "net",
        "address": {
            "name_on_account": "",
            "first_name": account.first_name,
            "last_name": account.last_name,
            "company": account.company or "",
            **address(account.address),
        },
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
        "used_tax_service": False,
        "vat_number": "",
        "line_items": [line_item(line) for line in invoice.lines[:embedded_line_items]],
        "has_more_line_items": len(invoice.lines) > embedded_line_items,
        "transactions": [transaction(payment) for payment in invoice.transactions],
        "credit_payments": [credit_payment(payment) for payment in invoice.credit_payments],
        "due_at": shown(invoice.due),
        "closed_at": shown(invoice.closed),
        "dunning_events_sent": invoice.dunning_events,
        "final_dunning_event": invoice.final_dunning,
        **_NO_INVOICE_HAS,
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


def line_item(line: e.LineItem) -> Record:
    """One line of an invoice."""
    invoice = line.invoice
    plan, extra, product = line.plan, line.add_on, line.item
    sold = product or extra or plan
    return {
        **head(line, "line_item"),
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
        "product_code": sold.code if sold else None,
        "credit_reason_code": line.credit_reason,
        "currency": invoice.currency,
        "amount": money(line.amount),
        "description": line.description,
        "quantity": line.quantity,
        "quantity_decimal": f"{line.quantity}.0" if line.unit_decimal else None,
        "unit_amount": money(line.unit),
        "unit_amount_decimal": line.unit_decimal,
        "tax_inclusive": False,
        "subtotal": money(line.subtotal),
        "discount": money(line.discount),
        "discounts": [],
        "tax": money(line.tax),
        "taxable": True,
        "tax_exempt": False,
        "refund": line.original is not None,
        "refunded_quantity": line.refunded_quantity,
        "credit_applied": 0.0,
        "start_date": shown(line.start),
        "end_date": shown(line.end),
        "custom_fields": [],
        **_NO_LINE_HAS,
    }


def transaction(payment: e.Transaction) -> Record:
    """A transaction. What only a gateway's answer brings is null where there was none."""
    account, decline, invoice = payment.account, payment.decline, payment.invoice
    succeeded = payment.status == "success"
    return {
        **head(payment, "transaction"),
        "original_transaction_id": payment.original.id if payment.original else None,
        "account": account_mini(account),
        "invoice": invoice_mini(invoice) if invoice else None,
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
        "gateway_response_code": decline.gateway_code if decline else None,
        "gateway_response_time": 0.3,
        "gateway_response_values": {},
        "voided_at": shown(payment.voided),
        "collected_at": shown(payment.collected),
        **_NO_TRANSACTION_HAS,
    }


def credit_payment(payment: e.CreditPayment) -> Record:
    """Money of a credit invoice on its way."""
    return {
        **head(payment, "credit_payment"),
        "action": payment.action,
        "account": account_mini(payment.account),
        "applied_to_invoice": invoice_mini(payment.applied_to) if payment.applied_to else None,
        "original_invoice": invoice_mini(payment.original),
        "currency": payment.currency,
        "amount": money(payment.amount),
        "original_credit_payment_id": None,
        "refund_transaction": transaction(payment.refund) if payment.refund else None,
        "voided_at": None,
    }
