"""Links in events and profiles: a template of the merchant's, filled per row.

`https://shop.example/billing?account={account_code}` becomes a property with the account's code in
its place. Each value is percent-encoded but for the characters that no URL reserves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from recurly_to_klaviyo.choice import must_be_one_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Record = Mapping[str, Any]

PROFILE = "profile"
"""What `on` calls the profile row, beside the names of metrics."""

LOGIN_TOKEN = "hosted_login_token"  # noqa: S105  (the name of a field)

LINK_FIELDS: dict[str, str] = {
    "account_code": "The account's code; on a profile that of the leading account.",
    "account_id": "The account's id.",
    "email": "The account's e-mail address.",
    "invoice_number": "The number of the invoice that an event is about.",
    "subscription_id": "The id of the subscription that an event is about.",
    "plan_code": "The code of the plan that an event is about.",
    "currency": "The currency of an event.",
    LOGIN_TOKEN: "Lets whoever has it act as the customer. Only on profiles and on events read "
    "from account_snapshots, and only when the tap was told to select it.",
}
"""What a template may name, and what stands in its place."""

_PROPERTY_OF_FIELD = {
    "account_code": "Account Code",
    "invoice_number": "Invoice Number",
    "subscription_id": "Subscription ID",
    "plan_code": "Plan Code",
    "currency": "Currency",
}


@dataclass(frozen=True)
class Link:
    """A property that holds a link.

    Attributes:
        name: The property's name.
        parts: Literal texts, each with the field that follows it or None.
        on: The metrics that carry it, and `profile`.
    """

    name: str
    parts: tuple[tuple[str, str | None], ...]
    on: frozenset[str]

    def url(self, fields: Record) -> str | None:
        """The link, or None when a field that it names has no value."""
        pieces: list[str] = []
        for literal, field in self.parts:
            pieces.append(literal)
            if field is not None:
                value = fields.get(field)
                if not isinstance(value, str) or not value:
                    return None
                pieces.append(quote(value, safe="", errors="replace"))
        return "".join(pieces)

    @classmethod
    def from_config(
        cls, given: Any, *, streams: Mapping[str, str], default_on: Collection[str], snapshots: str
    ) -> Link:
        """A link as the setting `links` describes it.

        Args:
            given: An object with property, url and, maybe, on.
            streams: Every metric and the stream it is read from.
            default_on: The metrics that carry it when it does not say.
            snapshots: The stream whose records may hold the login token.

        Raises:
            ValueError: It is not as it should be; the message says what would do.
        """
        if not isinstance(given, dict):
            raise ValueError(  # noqa: TRY004  (the transform contract: a wrong setting is a ValueError)
                'links must be a list of objects: {"property": …, "url": …, "on": […]}.'
            )
        for key in given:
            must_be_one_of(f"'{key}' in links is unknown", key, ("property", "url", "on"))
        name, url = given.get("property"), given.get("url")
        if not isinstance(name, str) or not name.strip():
            raise ValueError("links has an entry without property: name the property to fill.")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ValueError(f"The link '{name}' has no url that starts with https://.")
        on = given.get("on")
        if on is None:
            on = list(default_on)
        if not isinstance(on, list) or not on:
            raise ValueError(f"The link '{name}' has an on that is no list, such as [\"profile\"].")
        for target in on:
            must_be_one_of(
                f"The link '{name}' is on '{target}', which does not exist",
                target,
                (PROFILE, *streams),
            )
        parts = tuple(_parts(name, url))
        if any(field == LOGIN_TOKEN for _, field in parts):
            _token_must_be_known(name, on, streams, snapshots)
        return cls(name, parts, frozenset(on))


class Links:
    """The links of a run, and how often one could not be filled."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._links = tuple(links)
        self.unfilled: Counter[str] = Counter()

    def on(self, target: str) -> tuple[Link, ...]:
        """The links that a metric, or the profile, carries."""
        return tuple(link for link in self._links if target in link.on)

    def filled(self, links: Iterable[Link], fields: Record) -> dict[str, str]:
        """The properties of these links; one that lacks a value is left out and counted."""
        urls = {link.name: link.url(fields) for link in links}
        self.unfilled.update(name for name, url in urls.items() if url is None)
        return {name: url for name, url in urls.items() if url is not None}


def account_fields(account: Record, email: str | None) -> dict[str, Any]:
    """What a template may name of an account."""
    return {
        "account_code": account.get("code"),
        "account_id": account.get("id"),
        "email": email,
        LOGIN_TOKEN: account.get(LOGIN_TOKEN),
    }


def event_fields(account: Record, email: str | None, properties: Record) -> dict[str, Any]:
    """What a template may name of an event and its account."""
    told = {field: properties.get(name) for field, name in _PROPERTY_OF_FIELD.items()}
    return account_fields(account, email) | told


def _parts(name: str, url: str) -> Iterable[tuple[str, str | None]]:
    try:
        parsed = list(Formatter().parse(url))
    except ValueError as error:
        raise ValueError(
            f"The url of the link '{name}' cannot be read ({error}): a brace that is meant as "
            "such is doubled."
        ) from None
    for literal, field, spec, conversion in parsed:
        if field is not None:
            must_be_one_of(
                f"The url of the link '{name}' names '{field}', which does not exist",
                field,
                LINK_FIELDS,
            )
            if spec or conversion:
                raise ValueError(
                    f"The url of the link '{name}' has more than a name in {{{field}}}."
                )
        yield literal, field


def _token_must_be_known(
    name: str, on: Iterable[str], streams: Mapping[str, str], snapshots: str
) -> None:
    for target in on:
        if target != PROFILE and streams[target] != snapshots:
            raise ValueError(
                f"The link '{name}' names {{{LOGIN_TOKEN}}}, which {target} cannot carry: Recurly "
                f"tells it only with the account, so choose with on: profile, or metrics that are "
                f"read from {snapshots}."
            )
