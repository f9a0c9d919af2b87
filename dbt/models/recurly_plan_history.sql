select
    plan.id,
    plan.code,
    plan.name,
    plan.description,
    plan.state,
    plan.interval_unit,
    plan.interval_length,
    plan.trial_unit,
    plan.trial_length,
    plan.total_billing_cycles,
    plan.auto_renew,
    plan.accounting_code,
    plan.setup_fee_accounting_code,
    plan.tax_code,
    plan.tax_exempt,
    {{ tap_recurly.json_text('plan.hosted_pages', 'success_url') }} as hosted_pages_success_url,
    {{ tap_recurly.json_text('plan.hosted_pages', 'cancel_url') }} as hosted_pages_cancel_url,
    cast({{ tap_recurly.json_text('plan.hosted_pages', 'bypass_confirmation') }} as boolean)
        as hosted_pages_bypass_confirmation,
    cast({{ tap_recurly.json_text('plan.hosted_pages', 'display_quantity') }} as boolean)
        as hosted_pages_display_quantity,
    plan.created_at,
    plan.updated_at,
    plan.deleted_at,
    plan._sdc_extracted_at as _fivetran_synced
from {{ tap_recurly.read(
    'plans',
    text=[
        'id', 'code', 'name', 'description', 'state', 'interval_unit', 'trial_unit',
        'accounting_code', 'setup_fee_accounting_code', 'tax_code',
    ],
    integer=['interval_length', 'trial_length', 'total_billing_cycles'],
    boolean=['auto_renew', 'tax_exempt'],
    timestamp=['created_at', 'updated_at', 'deleted_at'],
    json=['hosted_pages'],
) }} as plan
