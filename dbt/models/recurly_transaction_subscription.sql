select
    payment.id as transaction_id,
    {{ tap_recurly.element_text('subscription.value') }} as subscription_id,
    payment._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read('transactions', text=['id'], json=['subscription_ids']) }} as payment
{{ tap_recurly.each_element('payment.subscription_ids', 'subscription') }}
