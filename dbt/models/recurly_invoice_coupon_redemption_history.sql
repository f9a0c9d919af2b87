{# `invoice_coupon_redemptions` costs a request per invoice; without it there is what the invoices
   themselves carry. #}
{% if tap_recurly.loaded('invoice_coupon_redemptions') %}
select
    redemption.id as coupon_redemption_id,
    redemption.invoice_id,
    invoice.updated_at as invoice_updated_at,
    redemption._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read('invoice_coupon_redemptions', text=['id', 'invoice_id']) }} as redemption
left join {{ tap_recurly.read('invoices', text=['id'], timestamp=['updated_at']) }} as invoice
    on invoice.id = redemption.invoice_id
{% else %}
select
    {{ tap_recurly.json_text('redemption.value', 'id') }} as coupon_redemption_id,
    invoice.id as invoice_id,
    invoice.updated_at as invoice_updated_at,
    invoice._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'invoices', text=['id'], timestamp=['updated_at'], json=['coupon_redemptions']
) }} as invoice
{{ tap_recurly.each_element('invoice.coupon_redemptions', 'redemption') }}
{% endif %}
