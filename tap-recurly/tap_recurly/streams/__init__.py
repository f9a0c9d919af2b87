"""The tap's streams: every stream is data, its base class says how the list is read."""

from tap_recurly.streams import children, whole, windowed
from tap_recurly.streams.account_snapshots import AccountSnapshots
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.streams.invoices import Invoices

STREAMS: tuple[type[RecurlyStream], ...] = (
    windowed.Accounts,
    AccountSnapshots,
    Invoices,
    windowed.LineItems,
    windowed.Plans,
    windowed.Subscriptions,
    windowed.Transactions,
    windowed.AccountAcquisitions,
    windowed.AddOns,
    windowed.Coupons,
    windowed.CreditPayments,
    windowed.CustomFieldDefinitions,
    windowed.Items,
    windowed.MeasuredUnits,
    windowed.ShippingMethods,
    whole.BusinessEntities,
    whole.DunningCampaigns,
    whole.ExportDates,
    whole.ExternalInvoices,
    whole.ExternalProducts,
    whole.ExternalSubscriptions,
    whole.GeneralLedgerAccounts,
    whole.GiftCards,
    whole.InvoiceTemplates,
    whole.PerformanceObligations,
    whole.PriceSegments,
    whole.Sites,
    children.AccountBalances,
    children.AccountNotes,
    children.BillingInfos,
    children.CouponRedemptions,
    children.Entitlements,
    children.ExternalAccounts,
    children.ExternalPaymentPhases,
    children.ExternalProductReferences,
    children.InvoiceCouponRedemptions,
    children.ShippingAddresses,
    children.UniqueCouponCodes,
    children.Usage,
)

__all__ = ["STREAMS", "RecurlyStream"]
