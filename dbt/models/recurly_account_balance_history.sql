select
    balance.account_id,
    account.updated_at as account_updated_at,
    {{ tap_recurly.json_text('each_currency.value', 'currency') }} as currency,
    cast({{ tap_recurly.json_text('each_currency.value', 'amount') }} as {{ dbt.type_numeric() }})
        as amount,
    balance.past_due,
    balance._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'account_balances', text=['account_id'], boolean=['past_due'], json=['balances']
) }} as balance
left join {{ tap_recurly.read('accounts', text=['id'], timestamp=['updated_at']) }} as account
    on account.id = balance.account_id
{{ tap_recurly.each_element('balance.balances', 'each_currency') }}
