select
    invoice.id as invoice_id,
    invoice.updated_at as invoice_updated_at,
    {{ tap_recurly.element_text('subscription.value') }} as subscription_id,
    invoice._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'invoices', text=['id'], timestamp=['updated_at'], json=['subscription_ids']
) }} as invoice
{{ tap_recurly.each_element('invoice.subscription_ids', 'subscription') }}
