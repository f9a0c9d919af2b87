"""Is everything right? One message on the site, or one sentence on what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_recurly.client import ASCENDING
from tap_recurly.connections import in_order
from tap_recurly.errors import CredentialsError, ForbiddenError, MissingFeatureError
from tap_recurly.session import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_recurly.client import RecurlyClient
    from tap_recurly.settings import Settings


def refuse_other_site(client: RecurlyClient, subdomain: str) -> None:
    """Make sure the key belongs to the site the user means.

    Raises:
        CredentialsError: If it belongs to another.
    """
    sites = [site.get("subdomain") for site in client.records("/sites", ASCENDING)]
    if subdomain not in [str(name).lower() for name in sites]:
        found = ", ".join(f"'{name}'" for name in sites) or "no site"
        raise CredentialsError(
            f"The API key belongs to {found}, not to '{subdomain}': check the settings 'api_key' "
            f"and 'subdomain'."
        )


def check_site(
    client: RecurlyClient, settings: Settings, sizes: Mapping[str, Callable[[], str]]
) -> str:
    """Ask the site what it is and how much it holds.

    Args:
        client: A client of the site.
        settings: The settings it was made from.
        sizes: What to ask for the size of each stream, by its name.

    Returns:
        One message: site, region, currency, API version, records per stream, request budget, and
        the streams that cannot be read.
    """
    sites = list(client.records("/sites", ASCENDING))
    found = in_order(_found, sizes.values(), connections=settings.concurrency)
    counts = dict(zip(sizes, found, strict=True))
    readable = ", ".join(f"{stream} {rows}" for stream, rows in counts.items() if rows)
    unreadable = ", ".join(stream for stream, rows in counts.items() if not rows)
    budget = client.limiter.budget
    shown = "unknown" if budget.limit is None else f"{budget.limit - budget.reserve}"
    return (
        f"Connected to {', '.join(map(_described, sites)) or 'a site without a name'} "
        f"(region {settings.region}, API {API_VERSION}): {readable}; request budget of "
        f"this tap {shown} of {budget.limit or 'unknown'} per 5 minutes; streams this key cannot "
        f"read: {unreadable or 'none'}."
    )


def _found(size: Callable[[], str]) -> str:
    """The size of a stream, empty when the key or the site does not have it."""
    try:
        return size()
    except (ForbiddenError, MissingFeatureError):
        return ""


def _described(site: Mapping[str, Any]) -> str:
    currency = (site.get("settings") or {}).get("default_currency") or "currency unknown"
    return f"{site.get('subdomain')} ({site.get('mode') or 'mode unknown'}, {currency})"
