select
    redemption.id,
    redemption.account_id,
    {{ tap_recurly.json_text('redemption.coupon', 'id') }} as coupon_id,
    redemption.state,
    redemption.currency,
    redemption.discounted,
    redemption.created_at,
    redemption.updated_at,
    redemption.removed_at,
    redemption._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'coupon_redemptions',
    text=['id', 'account_id', 'state', 'currency'],
    number=['discounted'],
    timestamp=['created_at', 'updated_at', 'removed_at'],
    json=['coupon'],
) }} as redemption
