"""What a decline code says: whether a later try may succeed, or only another card helps."""

from __future__ import annotations

from typing import Any, Final

_CODES: Final = {
    "Soft": """
        declined declined_saveable insufficient_funds temporary_hold try_again too_many_attempts
        simultaneous partial_approval call_issuer call_issuer_update_cardholder_data
        processor_not_available cancelled paypal_primary_declined paypal_declined_use_alternate
        declined_security_code roku_zip_code_mismatch roku_invalid_card_number exceeds_daily_limit
        exceeds_max_amount issuer_unavailable payer_authentication_rejected
        three_d_secure_connection_error ach_return ach_cancel ach_chargeback ach_credit_return
        ach_validation_exception ach_exception no_gateway_found_for_transaction_amount
        merch_max_transaction_limit_exceeded batch_processing_error transaction_stale_at_gateway
        invalid_payment_method amazon_declined_review billing_agreement_replaced
    """,
    "Hard": """
        paypal_cannot_pay_self billing_agreement_not_accepted billing_agreement_already_accepted
        roku_invalid_cib declined_exception declined_missing_data invalid_data invalid_amount
        invalid_email declined_card_number invalid_card_number invalid_account_number
        gateway_token_not_found expired_card declined_expiration_date invalid_merchant_type
        invalid_transaction invalid_issuer card_type_not_accepted payment_not_accepted
        restricted_card restricted_card_chargeback card_not_activated deposit_referenced_chargeback
        customer_canceled_transaction cardholder_requested_stop roku_invalid_payment_method
        rjs_token_expired card_blocked lifecycle_decline no_billing_information
        paypal_invalid_billing_agreement paypal_hard_decline paypal_account_issue
        paypal_expired_reference_id contract_not_found gateway_validation_exception invalid_name
        direct_debit_type_not_accepted three_d_secure_action_result_token_mismatch
        transaction_not_found transaction_settled transaction_already_voided
        transaction_failed_to_settle payment_cannot_void_authorization
        partial_credits_not_supported cannot_refund_unsettled_transactions
        transaction_cannot_be_refunded transaction_cannot_be_voided total_credit_exceeds_capture
        transaction_already_refunded authorization_expired authorization_already_captured
        authorization_amount_depleted transaction_cannot_be_authorized
        transaction_cannot_be_refunded_currently invalid_billing_agreement_status
        billing_agreement_not_found invalid_payment_method_hard
    """,
    "Fraud": """
        fraud_address fraud_security_code fraud_stolen_card fraud_ip_address fraud_gateway
        fraud_too_many_attempts fraud_advanced_verification fraud_velocity fraud_generic
        fraud_address_recurly fraud_risk_check fraud_manual_decision
    """,
    "Configuration": """
        reference_transactions_not_enabled invalid_gateway_configuration invalid_login
        contact_gateway cvv_required currency_not_supported ssl_error
        zero_dollar_auth_not_supported no_gateway gateway_account_setup_incomplete
        ach_transactions_not_supported three_d_secure_not_supported
        three_d_secure_credential_error invalid_gateway_access_token
    """,
    "Communication": """
        gateway_unavailable processor_unavailable gateway_timeout gateway_error too_busy
        gateway_rate_limited moneybot_unavailable moneybot_disconnect
        transaction_service_v2_unavailable transaction_service_v2_disconnect
    """,
    "3-D Secure": "three_d_secure_authentication three_d_secure_action_required",
}
"""The documented codes of each kind that concerns a customer (docs/recurly.md: Decline codes)."""

_TYPES: Final = {code: kind for kind, codes in _CODES.items() for code in codes.split()}

_RECOVERABLE: Final = {"Soft": True, "Communication": True, "Hard": False}


def decline_type(code: Any) -> str:
    """The kind of a `status_code`; `Unknown` for one that is not listed, or none."""
    return _TYPES.get(code, "Unknown") if isinstance(code, str) else "Unknown"


def is_recoverable(code: Any) -> bool | None:
    """Whether Recurly's next try may succeed without the customer; None where nobody can say."""
    return _RECOVERABLE.get(decline_type(code))
