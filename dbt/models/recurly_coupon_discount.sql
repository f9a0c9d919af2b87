{# A fixed discount has an amount in each currency; a percentage or a free trial is one row. #}
with coupon as (
    select
        coupons.id,
        coupons._sdc_extracted_at,
        {{ tap_recurly.json_text('coupons.discount', 'type') }} as type,
        cast({{ tap_recurly.json_text('coupons.discount', 'percent') }} as {{ dbt.type_int() }})
            as percentage,
        cast(
            {{ tap_recurly.json_text('coupons.discount', 'trial', 'length') }}
            as {{ dbt.type_int() }}
        ) as trial_length,
        {{ tap_recurly.json_text('coupons.discount', 'trial', 'unit') }} as trial_unit,
        (coupons.discount -> 'currencies') as currencies
    from {{ tap_recurly.read('coupons', text=['id'], json=['discount']) }} as coupons
),

amounts as (
    select
        coupon.id,
        {{ tap_recurly.json_text('each_currency.value', 'currency') }} as currency,
        cast(
            {{ tap_recurly.json_text('each_currency.value', 'amount') }} as {{ dbt.type_numeric() }}
        ) as amount
    from coupon
    {{ tap_recurly.each_element('coupon.currencies', 'each_currency') }}
)

select
    coupon.id as coupon_id,
    coupon.id || coalesce('-' || amounts.currency, '') as fivetran_id,
    coupon.type,
    coupon.percentage,
    amounts.currency,
    amounts.amount,
    coupon.trial_length,
    coupon.trial_unit,
    coupon._sdc_extracted_at as _fivetran_synced
from coupon
left join amounts on amounts.id = coupon.id
