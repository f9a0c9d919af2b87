"""The tap's streams: every stream is data, its base class says how the list is read."""

from tap_recurly.streams import child, full_table, incremental
from tap_recurly.streams.account_snapshots import AccountSnapshots
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.streams.invoices import Invoices

STREAMS: tuple[type[RecurlyStream], ...] = (
    incremental.Accounts,
    AccountSnapshots,
    Invoices,
    incremental.LineItems,
    incremental.Plans,
    incremental.Subscriptions,
    incremental.Transactions,
    incremental.AccountAcquisitions,
    incremental.AddOns,
    incremental.Coupons,
    incremental.CreditPayments,
    incremental.CustomFieldDefinitions,
    incremental.Items,
    incremental.MeasuredUnits,
    incremental.ShippingMethods,
    full_table.BusinessEntities,
    full_table.DunningCampaigns,
    full_table.ExportDates,
    full_table.ExternalInvoices,
    full_table.ExternalProducts,
    full_table.ExternalSubscriptions,
    full_table.GeneralLedgerAccounts,
    full_table.GiftCards,
    full_table.InvoiceTemplates,
    full_table.PerformanceObligations,
    full_table.PriceSegments,
    full_table.Sites,
    child.AccountBalances,
    child.AccountNotes,
    child.BillingInfos,
    child.CouponRedemptions,
    child.Entitlements,
    child.ExternalAccounts,
    child.ExternalPaymentPhases,
    child.ExternalProductReferences,
    child.InvoiceCouponRedemptions,
    child.ShippingAddresses,
    child.UniqueCouponCodes,
    child.Usage,
)

__all__ = ["STREAMS", "RecurlyStream"]
