select
    payment.id,
    payment.uuid,
    {{ tap_recurly.json_text('payment.account', 'id') }} as account_id,
    payment.action,
    payment.currency,
    payment.amount,
    {{ tap_recurly.json_text('payment.applied_to_invoice', 'id') }} as applied_to_invoice_id,
    {{ tap_recurly.json_text('payment.original_invoice', 'id') }} as original_invoice_id,
    {{ tap_recurly.json_text('payment.refund_transaction', 'id') }} as refund_transaction_id,
    payment.original_credit_payment_id,
    payment.created_at,
    payment.updated_at,
    payment.voided_at,
    payment._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'credit_payments',
    text=['id', 'uuid', 'action', 'currency', 'original_credit_payment_id'],
    number=['amount'],
    timestamp=['created_at', 'updated_at', 'voided_at'],
    json=['account', 'applied_to_invoice', 'original_invoice', 'refund_transaction'],
) }} as payment
