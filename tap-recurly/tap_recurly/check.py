"""Is everything right? One message on the site, or one sentence on what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_recurly.errors import (
    ConfigurationError,
    CredentialsError,
    ForbiddenError,
    MissingFeatureError,
    NotFoundError,
)
from tap_recurly.http.queries import ASCENDING
from tap_recurly.http.responses import API_VERSION
from tap_recurly.reading.workers import in_order
from tap_recurly.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_recurly.config import Settings
    from tap_recurly.http.client import RecurlyClient


def refuse_other_site(client: RecurlyClient, subdomain: str) -> None:
    """Make sure the key belongs to the site the user means.

    Raises:
        CredentialsError: If it belongs to another.
        ConfigurationError: If the key may not say which is its own.
    """
    try:
        sites = [str(site.get("subdomain")) for site in client.records("/sites", ASCENDING)]
    except ForbiddenError as fault:
        raise ConfigurationError(
            "The setting 'subdomain' cannot be compared with the key's site, which this key may "
            "not read (/sites): allow that to the key, or remove the setting."
        ) from fault
    if subdomain not in [name.lower() for name in sites]:
        found = ", ".join(f"'{redact(name)}'" for name in sites) or "no site"
        raise CredentialsError(
            f"The API key belongs to {found}, not to '{subdomain}': check the settings 'api_key' "
            f"and 'subdomain'."
        )


def check_site(
    client: RecurlyClient, settings: Settings, sizes: Mapping[str, Callable[[], int | None]]
) -> str:
    """Ask the site what it is and how much it holds; `sizes` asks for a stream's records, by name.

    Returns one message: site, region, currency, API version, records per stream, request budget,
    and the streams that cannot be read.
    """
    sites = _sites(client)
    found = dict(
        zip(sizes, in_order(_found, sizes.values(), connections=settings.concurrency), strict=True)
    )
    unreadable = [stream for stream, size in found.items() if size is _UNREADABLE]
    budget = client.limiter.budget
    share = "unknown" if budget.limit is None else f"{budget.limit - budget.reserve}"
    return (
        f"Connected to {', '.join(map(_described, sites)) or 'a site without a name'}, "
        f"region {settings.region}, API {API_VERSION}; records: {_counted(found)}; request budget "
        f"of this tap: {share} of {budget.limit or 'unknown'} per 5 minutes; streams that "
        f"cannot be read here: {', '.join(unreadable) or 'none'}."
    )


def _sites(client: RecurlyClient) -> list[dict[str, Any]]:
    """The key's site; none when the key may not read it, which its stream tells too."""
    try:
        return list(client.records("/sites", ASCENDING))
    except ForbiddenError:
        return []


_UNREADABLE = "unreadable"
"""The size of a stream that the key or the site does not have."""


def _found(size: Callable[[], int | None]) -> int | str | None:
    try:
        return size()
    except (ForbiddenError, MissingFeatureError, NotFoundError):
        return _UNREADABLE


def _counted(found: Mapping[str, int | str | None]) -> str:
    """The streams that hold records with their number, and how many others there are."""
    parts = [f"{stream} {size}" for stream, size in found.items() if isinstance(size, int) and size]
    sizes = [*found.values()]
    if empty := sizes.count(0):
        parts.append(f"none in {empty} streams")
    if uncounted := sizes.count(None):
        parts.append(f"a number not known beforehand in {uncounted} streams")
    return ", ".join(parts) or "none"


def _described(site: Mapping[str, Any]) -> str:
    settings = site.get("settings")
    currency = settings.get("default_currency") if isinstance(settings, dict) else None
    mode = site.get("mode") or "mode unknown"
    return redact(f"{site.get('subdomain')} ({mode}, {currency or 'currency unknown'})")
