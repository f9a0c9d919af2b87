{# Recurly shows the change that is still to come, and none of the past. #}
{% set change = 'subscription.pending_change' %}
select
    {{ tap_recurly.json_text(change, 'id') }} as id,
    subscription.id as subscription_id,
    {{ tap_recurly.json_text(change, 'plan', 'id') }} as plan_id,
    {{ tap_recurly.json_text(change, 'object') }} as object,
    cast({{ tap_recurly.json_text(change, 'quantity') }} as {{ dbt.type_int() }}) as quantity,
    cast({{ tap_recurly.json_text(change, 'unit_amount') }} as {{ dbt.type_numeric() }})
        as unit_amount,
    cast({{ tap_recurly.json_text(change, 'activated') }} as boolean) as activated,
    {% for name in ['activate_at', 'created_at', 'updated_at', 'deleted_at'] %}
    cast({{ tap_recurly.json_text(change, name) }} as {{ dbt.type_timestamp() }}) as {{ name }},
    {% endfor %}
    subscription._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read('subscriptions', text=['id'], json=['pending_change']) }} as subscription
where {{ tap_recurly.json_text(change, 'id') }} is not null
