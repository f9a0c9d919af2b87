select
    {{ tap_recurly.json_text('held.value', 'id') }} as id,
    subscription.id as subscription_id,
    {{ tap_recurly.json_text('held.value', 'add_on', 'id') }} as plan_add_on_id,
    {{ tap_recurly.json_text('held.value', 'object') }} as object,
    cast({{ tap_recurly.json_text('held.value', 'quantity') }} as {{ dbt.type_int() }}) as quantity,
    cast({{ tap_recurly.json_text('held.value', 'unit_amount') }} as {{ dbt.type_numeric() }})
        as unit_amount,
    {% for name in ['created_at', 'updated_at', 'expired_at'] %}
    cast({{ tap_recurly.json_text('held.value', name) }} as {{ dbt.type_timestamp() }})
        as {{ name }},
    {% endfor %}
    subscription._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read('subscriptions', text=['id'], json=['add_ons']) }} as subscription
{{ tap_recurly.each_element('subscription.add_ons', 'held') }}
