select
    note.id,
    note.account_id,
    account.updated_at as account_updated_at,
    note.message,
    note.object,
    {{ tap_recurly.json_text('note."user"', 'id') }} as user_id,
    {{ tap_recurly.json_text('note."user"', 'email') }} as user_email,
    note.created_at,
    note._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'account_notes',
    text=['id', 'account_id', 'message', 'object'],
    timestamp=['created_at'],
    json=['user'],
) }} as note
left join {{ tap_recurly.read('accounts', text=['id'], timestamp=['updated_at']) }} as account
    on account.id = note.account_id
