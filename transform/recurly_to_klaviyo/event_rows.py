"""Event rows: what a rule has found in a record, addressed, dated and named for Klaviyo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.identity import identity, readable_address
from recurly_to_klaviyo.links import event_fields
from recurly_to_klaviyo.values import fitting, iso, present

if TYPE_CHECKING:
    from recurly_to_klaviyo.links import Link, Links
    from recurly_to_klaviyo.metrics import Context, Occurrence
    from recurly_to_klaviyo.settings import Settings

    Row = dict[str, Any]

SITE_PROPERTY = "Recurly Site"


class EventRows:
    """Makes the event rows of one record.

    Args:
        account: The account the record belongs to, as the record embeds it.
        context: The settings and the present.
        links: Fills in the links that a metric carries.
        unread: Takes the names of properties that cannot be read.

    Raises:
        ValueError: The account cannot be told from others.
    """

    def __init__(self, account: Any, context: Context, links: Links, unread: set[str]) -> None:
        self._profile = identity(account, context.settings)
        self._account = account
        self._site = context.settings.site
        self._known_as = self._anchor(account, context.settings)
        self._context = context
        self._links = links
        self._unread = unread

    def _anchor(self, account: Any, settings: Settings) -> str | None:
        """The `external_id` that the account's profile row gives a person it is the oldest of."""
        if "email" not in self._profile or not settings.link_accounts:
            return None
        account_id = account.get("id")
        return account_id if isinstance(account_id, str) else None

    def row(self, metric_name: str, occurrence: Occurrence, links: tuple[Link, ...]) -> Row:
        """The row of an occurrence, whose metric carries these links.

        Raises:
            ValueError: The occurrence has no id or no time.
        """
        recurly_id, time = occurrence.recurly_id, occurrence.time
        if type(recurly_id) is not str or not recurly_id:
            raise ValueError("The record, or a line item of it, has no id to tell its event by.")
        if time is None:
            raise ValueError("The record has no created_at, so its event cannot be dated.")
        currency = occurrence.currency
        row: Row = {
            "metric": metric_name,
            "unique_id": occurrence.unique_id,
            "time": iso(time if self._context.has_come(time) else self._context.now),
            "profile": self._profile,
            "properties": present(
                {
                    "Recurly ID": recurly_id,
                    "Account Code": self._account.get("code"),
                    SITE_PROPERTY: self._site,
                    "Currency": currency,
                    **occurrence.properties,
                },
                self._unread,
            ),
        }
        if self._known_as:
            row["known_as"] = self._known_as
        if links:
            row["properties"] |= self._filled(links, row["properties"])
        if occurrence.earliest is not None:
            row["earliest_time"] = iso(occurrence.earliest)
        if occurrence.latest is not None:
            row["latest_time"] = iso(min(occurrence.latest, self._context.now))
        if occurrence.was_true:
            row["was_true"] = True
        if occurrence.value is not None:
            row["value"] = occurrence.value
            if type(currency) is str and currency:
                row["value_currency"] = fitting(currency)
        return row

    def _filled(self, links: tuple[Link, ...], properties: Row) -> dict[str, str]:
        email = readable_address(self._account)
        return self._links.filled(links, event_fields(self._account, email, properties))
