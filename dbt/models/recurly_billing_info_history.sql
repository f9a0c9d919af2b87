{# `billing_infos` holds all of an account's payment methods, for a request per account; without it
   there is the primary one, which `accounts` carries. #}
{% set address = 'info.address' %}
{% set method = 'info.payment_method' %}
with info as (
    {% if tap_recurly.loaded('billing_infos') or not tap_recurly.loaded('accounts') %}
    select *
    from {{ tap_recurly.read(
        'billing_infos',
        text=['id', 'account_id', 'first_name', 'last_name', 'company', 'vat_number'],
        boolean=['valid'],
        timestamp=['created_at', 'updated_at'],
        json=['address', 'payment_method', 'fraud', 'updated_by'],
    ) }} as every_method
    {% else %}
    select
        {% for name in ['id', 'account_id', 'first_name', 'last_name', 'company', 'vat_number'] %}
        {{ tap_recurly.json_text('account.billing_info', name) }} as {{ name }},
        {% endfor %}
        cast({{ tap_recurly.json_text('account.billing_info', 'valid') }} as boolean) as valid,
        {% for name in ['created_at', 'updated_at'] %}
        cast({{ tap_recurly.json_text('account.billing_info', name) }} as {{ dbt.type_timestamp() }})
            as {{ name }},
        {% endfor %}
        {% for name in ['address', 'payment_method', 'fraud', 'updated_by'] %}
        (account.billing_info -> '{{ name }}') as {{ name }},
        {% endfor %}
        account._sdc_extracted_at
    from {{ tap_recurly.read('accounts', json=['billing_info']) }} as account
    where {{ tap_recurly.json_text('account.billing_info', 'id') }} is not null
    {% endif %}
)

select
    info.id,
    info.account_id,
    info.first_name,
    info.last_name,
    info.company,
    info.vat_number,
    info.valid,
    info.first_name as billing_first_name,
    info.last_name as billing_last_name,
    {{ tap_recurly.json_text(address, 'phone') }} as billing_phone,
    {{ tap_recurly.json_text(address, 'street1') }} as billing_street_1,
    {{ tap_recurly.json_text(address, 'street2') }} as billing_street_2,
    {{ tap_recurly.json_text(address, 'city') }} as billing_city,
    {{ tap_recurly.json_text(address, 'region') }} as billing_region,
    {{ tap_recurly.json_text(address, 'postal_code') }} as billing_postal_code,
    {{ tap_recurly.json_text(address, 'country') }} as billing_country,
    {{ tap_recurly.json_text(method, 'object') }} as payment_method_object,
    {{ tap_recurly.json_text(method, 'card_type') }} as payment_method_card_type,
    {{ tap_recurly.json_text(method, 'first_six') }} as payment_method_first_six,
    {{ tap_recurly.json_text(method, 'last_four') }} as payment_method_last_four,
    cast({{ tap_recurly.json_text(method, 'exp_month') }} as {{ dbt.type_int() }})
        as payment_method_exp_month,
    cast({{ tap_recurly.json_text(method, 'exp_year') }} as {{ dbt.type_int() }})
        as payment_method_exp_year,
    {{ tap_recurly.json_text('info.fraud', 'score') }} as fraud_score,
    {{ tap_recurly.json_text('info.fraud', 'decision') }} as fraud_decision,
    {{ tap_recurly.json_text('info.fraud', 'risk_rules_triggered') }} as fraud_risk_rules_triggered,
    {{ tap_recurly.json_text('info.updated_by', 'ip') }} as updated_by_ip,
    {{ tap_recurly.json_text('info.updated_by', 'country') }} as updated_by_country,
    info.created_at,
    info.updated_at,
    info._sdc_extracted_at as _fivetran_synced
from info
