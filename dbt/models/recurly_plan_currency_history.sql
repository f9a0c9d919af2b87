select
    plan.id as plan_id,
    plan.updated_at as plan_updated_at,
    {{ tap_recurly.json_text('price.value', 'currency') }} as currency,
    cast({{ tap_recurly.json_text('price.value', 'setup_fee') }} as {{ dbt.type_numeric() }})
        as setup_fees,
    cast({{ tap_recurly.json_text('price.value', 'unit_amount') }} as {{ dbt.type_numeric() }})
        as unit_amount,
    plan._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'plans', text=['id'], timestamp=['updated_at'], json=['currencies']
) }} as plan
{{ tap_recurly.each_element('plan.currencies', 'price') }}
