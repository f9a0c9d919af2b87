"""A few plausible rows of everything the simulated business has no part in.

They let a reader see every endpoint answer with data. They are as old as the business and never
change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.recurly.moments import shown
from recurly_klaviyo_sandbox.recurly.records import catalog, customers

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import Business
    from recurly_klaviyo_sandbox.business.entities import Account
    from recurly_klaviyo_sandbox.recurly.store import Store

_HOUR = 3600


class Backdrop:
    """Puts the rows into a store, once, related to the business's first accounts and plans."""

    def __init__(self, store: Store, business: Business) -> None:
        self._store = store
        self._registry = business.registry
        self._plans = business.catalog.plans
        self._time = int(business.start.timestamp())
        self._times = {"created_at": shown(self._time), "updated_at": shown(self._time)}
        self._accounts = business.registry.accounts()[:5]

    def put(self) -> None:
        """Put all of them."""
        self._accounting()
        self._selling()
        self._presentation()
        for account in self._accounts:
            self._around(account)
        self._app_store()
        self._metered()

    def _accounting(self) -> None:
        for code, kind in (("4000", "revenue"), ("2400", "liability")):
            self._row(
                "general_ledger_accounts",
                f"gl{code}",
                code=code,
                account_type=kind,
                description=f"Subscription {kind}",
            )
        self._row("performance_obligations", "over_time", name="Over Time (Daily)")
        self._row("performance_obligations", "at_point", name="Point in Time")
        self._row("price_segments", "segment00001", code="students")
        self._row("price_segments", "segment00002", code="non-profits")
        self._row(
            "business_entities",
            "entity000001",
            code="nordic",
            name="Sandbox Merchant Nordic AB",
            invoice_display_address={"city": "Stockholm", "country": "SE"},
            tax_address={"city": "Stockholm", "country": "SE"},
            origin_tax_address_source="origin",
            destination_tax_address_source="destination",
            subscriber_location_countries=["SE", "NO", "DK", "FI"],
        )

    def _selling(self) -> None:
        self._row(
            "measured_units",
            "unit00000001",
            name="api_call",
            display_name="API call",
            state="active",
            description=None,
        )
        for code, name in (("post", "Letter post"), ("courier", "Courier")):
            self._row("shipping_methods", f"ship{code}", code=code, name=name)
        self._row(
            "coupons",
            "couponbulk01",
            code="summer",
            name="Summer leaflet",
            state="redeemable",
            duration="single_use",
            coupon_type="bulk",
            unique_coupon_codes_count=3,
            unique_code_template="'SUMMER'99999",
            discount={"type": "fixed", "currencies": [{"currency": "USD", "amount": 5.0}]},
            redemption_resource="account",
        )
        for number in range(3):
            used = shown(self._time + number * _HOUR) if number == 0 else None
            self._row(
                "unique_coupon_codes",
                f"uniquecode{number:02}",
                code=f"SUMMER{number:05}",
                state="redeemable",
                bulk_coupon_id="couponbulk01",
                bulk_coupon_code="summer",
                redeemed_at=used,
            )
        self._row(
            "gift_cards",
            "giftcard0001",
            gifter_account_id=self._accounts[0].id if self._accounts else None,
            redemption_code="GIFT-0001",
            balance=25.0,
            product_code="gift-card",
            unit_amount=25.0,
            currency="USD",
            delivery={"method": "email", "email_address": "friend@mail.sandbox-merchant.dev"},
        )

    def _presentation(self) -> None:
        for kind, name in (("account", "channel"), ("subscription", "engraving")):
            self._row(
                "custom_field_definitions",
                f"field{kind[:7]}",
                related_type=kind,
                name=name,
                user_access="write",
                display_name=name.title(),
                tooltip=None,
            )
        self._row(
            "dunning_campaigns",
            "dunning00001",
            code="default",
            name="Default campaign",
            description=None,
            default_campaign=True,
            dunning_cycles=[
                {
                    "type": "automatic",
                    "intervals": [{"days": 3, "email_template": "payment_declined"}],
                    "expire_subscription": True,
                    "fail_invoice": True,
                    "total_dunning_days": 22,
                    "version": 1,
                    **self._times,
                }
            ],
        )
        self._row(
            "invoice_templates",
            "template0001",
            code="plain",
            name="Plain",
            description="One column",
        )

    def _around(self, account: Account) -> None:
        self._row(
            "account_notes",
            f"n{account.id[1:]}",
            account_id=account.id,
            message="Called about the delivery date.",
            user={
                "id": "user00000001",
                "object": "user",
                "email": "support@sandbox-merchant.dev",
                "first_name": "Kim",
                "last_name": "Support",
            },
        )
        self._row(
            "external_accounts",
            f"x{account.id[1:]}",
            _account_id=account.id,
            external_account_code=f"ext-{account.id}",
            external_connection_type="GooglePlayStore",
        )
        self._row(
            "entitlements",
            f"e{account.id[1:]}",
            _account_id=account.id,
            _state="active",
            customer_permission={
                "id": "permission01",
                "code": "downloads",
                "name": "Downloads",
                "object": "customer_permission",
            },
            granted_by=[{"object": "subscription", "id": s.id} for s in account.subscriptions],
        )

    def _app_store(self) -> None:
        plan = self._plans[0]
        reference = self._row(
            "external_product_references",
            "reference001",
            _product_id="product00001",
            reference_code="dev.sandbox-merchant.starter",
            external_connection_type="AppleAppStore",
        )
        self._row(
            "external_products",
            "product00001",
            name="Starter in the App Store",
            plan=catalog.plan_mini(plan),
            external_product_references=[reference],
        )
        for number, account in enumerate(self._accounts[:3], 1):
            subscription = self._row(
                "external_subscriptions",
                f"extsub{number:06}",
                account=customers.account_mini(account),
                external_product_reference=reference,
                external_id=f"4700000{number}",
                auto_renew=True,
                in_grace_period=False,
                app_identifier="dev.sandbox-merchant",
                quantity=1,
                state="active",
                activated_at=shown(self._time),
                test=False,
                imported=True,
            )
            self._row(
                "external_invoices",
                f"extinv{number:06}",
                account=customers.account_mini(account),
                external_subscription=subscription,
                external_id=f"99000{number}",
                state="paid",
                total="9.0",
                currency="USD",
                line_items=[],
                purchased_at=shown(self._time),
            )
            self._row(
                "external_payment_phases",
                f"extphase{number:04}",
                _subscription_id=subscription["id"],
                started_at=shown(self._time),
                offer_type="FREE_TRIAL",
                period_count=1,
                period_length="ONE MONTH",
                amount="0.0",
                currency="USD",
            )

    def _metered(self) -> None:
        metered = [
            (subscription, extra.add_on)
            for account in self._registry.accounts()
            for subscription in account.subscriptions
            for extra in subscription.add_ons
            if extra.add_on.metered
        ]
        for subscription, add_on in metered[:3]:
            for hour in range(1, 6):
                time = subscription.created + hour * _HOUR
                self._row(
                    "usages",
                    f"u{hour}{subscription.id[2:]}",
                    _subscription_id=subscription.id,
                    _add_on_id=add_on.id,
                    amount=float(hour * 100),
                    merchant_tag=None,
                    usage_type="price",
                    unit_amount=0.02,
                    recording_timestamp=shown(time),
                    usage_timestamp=shown(time),
                    billed_at=None,
                    created_at=shown(time),
                    updated_at=shown(time),
                )

    def _row(self, resource: str, record_id: str, **fields: Any) -> dict[str, Any]:
        """A row as others embed it: what begins with an underscore only files it."""
        row = self._store.put(resource, {**self._times, "id": record_id, **fields})
        return {name: value for name, value in row.items() if not name.startswith("_")}
