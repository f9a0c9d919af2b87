"""Is everything right? One message on account and key, or one sentence on what is wrong.

Every endpoint that a run of these settings would use is asked something, and none is given
anything to store. Scopes to write are told by a request whose body is an empty object: there is no
row in it, so nothing can come of it, whatever Klaviyo looks at first. A 403 means that the scope is
lacking; any other refusal is one of the body. (Were the body judged before the key, which Klaviyo's
reference leaves open, a lacking scope would pass unnoticed here, and be named by the run itself.)
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from time import monotonic, sleep
from typing import TYPE_CHECKING

from target_klaviyo.errors import KlaviyoError, ScopeError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import (
    ACCOUNTS,
    BULK_EVENTS,
    BULK_PROFILES,
    EVENTS,
    IMPORT_ERRORS,
    IMPORT_JOB,
    LIST,
    METRICS,
    PROFILE_IMPORT,
    PROFILES,
)
from target_klaviyo.klaviyo.exchange import Api
from target_klaviyo.klaviyo.json_api import read_account
from target_klaviyo.klaviyo.outcomes import RateLimited, Retryable
from target_klaviyo.klaviyo.retry import RetryPolicy
from target_klaviyo.people.lookups import lookup
from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_klaviyo.config import Settings
    from target_klaviyo.klaviyo.endpoints import Call
    from target_klaviyo.klaviyo.json_api import Account

NO_JOB = "none"
"""The id of no import job: that there is none such is answer enough."""

# Somebody sits and waits for a check: three answers that take their time, and the pauses between
# them, are over within twenty seconds, where a run would outlast minutes of trouble.
CHECK_TRIES = 3
CHECK_TIMEOUT = 5.0
CHECK_LONGEST_WAIT = 5.0

STABLE_YEARS = 1  # Klaviyo: a revision is stable for a year, deprecated the next, then retired
SUPPORTED_YEARS = 2


@dataclass
class Scopes:
    """What the answers have told about the key's scopes; pure."""

    held: set[str] = field(default_factory=set)
    refused: list[tuple[str, ...]] = field(default_factory=list)
    untold: set[str] = field(default_factory=set)

    @property
    def lacking(self) -> set[str]:
        """What refused endpoints lack: where one scope explains a refusal, no other is named."""
        suspects = [set(scopes) - self.held for scopes in self.refused]
        certain = {scope for scope, *others in map(sorted, suspects) if not others}
        return certain.union(*(each for each in suspects if not each & certain))

    @property
    def unknown(self) -> set[str]:
        """Scopes about which nothing was found out."""
        return self.untold.union(*self.refused) - self.held - self.lacking


def check(
    settings: Settings,
    *,
    today: date,
    wait: Callable[[float], None] = sleep,
    clock: Callable[[], float] = monotonic,
) -> str:
    """Try the settings on Klaviyo; the message says what was found, within about 20 s.

    Args:
        settings: the settings.
        today: by which the revision's age is counted.
        wait: lets seconds pass.
        clock: seconds of a monotonic clock.

    Raises:
        KlaviyoError: Klaviyo cannot be reached or refuses key, revision or list, or the key lacks
            a scope that the settings need.
    """
    scopes = Scopes()
    with brief_api(settings, wait=wait, clock=clock) as api:
        account = _account(api, scopes)
        for question in questions(settings):
            _note(question, api, scopes)
    # Writing needs no account: its name and time zone only say whose key it is.
    beyond = set(ACCOUNTS.scopes) if settings.mode == "write" else set()
    lacking, held = scopes.lacking - beyond, scopes.held - beyond
    if lacking:
        needed = lacking | held | scopes.unknown
        raise KlaviyoError(
            f"The API key{f' of {_described(account)}' if account else ''} lacks "
            f"{enumeration(sorted(lacking))}; mode "
            f"'{settings.mode}' needs {_listed(needed)}: create a private key with all of them "
            "(Settings > API keys) and set it as 'api_key'."
        )
    unknown = f"; not checked: {_listed(scopes.unknown)}" if scopes.unknown else ""
    return (
        f"Connected to {_described(account)}: the key has what mode '{settings.mode}' needs "
        f"({_listed(held)}{unknown}); API revision {settings.revision}"
        f"{revision_age(settings.revision, today)}."
    )


@contextmanager
def brief_api(
    settings: Settings,
    *,
    safe: str = "nothing was changed",
    wait: Callable[[float], None] = sleep,
    clock: Callable[[], float] = monotonic,
) -> Iterator[Api]:
    """Klaviyo, asked while somebody sits and waits; `safe` is what holds if it fails."""
    client = Client.configured(settings, longest_timeout=CHECK_TIMEOUT)
    retry_policy = RetryPolicy(
        settings.api_url,
        safe=safe,
        max_tries=CHECK_TRIES,
        longest_wait=CHECK_LONGEST_WAIT,
    )
    try:
        yield Api(client, wait=wait, clock=clock, retry_policy=retry_policy)
    finally:
        client.close()


def questions(settings: Settings) -> Iterator[Call]:
    """What to ask the endpoints that a run would use, beside the account's."""
    if settings.list_id is not None:
        yield LIST.call(of=settings.list_id)
    if settings.mode != "audit":
        if settings.event_streams or settings.transform:
            yield BULK_EVENTS.call(b"{}")
        if settings.profile_streams or settings.transform:
            yield PROFILE_IMPORT.call(b"{}")
            yield BULK_PROFILES.call(b"{}")
            yield IMPORT_ERRORS.call(of=NO_JOB)
            yield IMPORT_JOB.call(of=NO_JOB)
            yield lookup("external_id", [NO_JOB], None)
    if settings.mode != "write":
        yield METRICS.call()
        yield EVENTS.call(query={"page[size]": "1"})
        if settings.audit_profiles:
            yield PROFILES.call(query={"page[size]": "1"})


def revision_age(revision: str, today: date) -> str:
    """How old the revision is, with a warning when Klaviyo no longer calls it stable."""
    born = date.fromisoformat(revision[:10])
    months = max(
        0, (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    )
    age = f" ({counted(months, 'month')} old)"
    if months < 12 * STABLE_YEARS:
        return age
    return (
        f"{age}, which Klaviyo supports for two years only, until "
        f"{born.year + SUPPORTED_YEARS}{revision[4:7]}: upgrade target-klaviyo or set a newer "
        "revision"
    )


def _account(api: Api, scopes: Scopes) -> Account | None:
    """The account, None when the key may not name it."""
    try:
        account = read_account(api.ask(ACCOUNTS.call()))
    except ScopeError:
        scopes.refused.append(ACCOUNTS.scopes)
        return None
    scopes.held.update(ACCOUNTS.scopes)
    return account


def _note(call: Call, api: Api, scopes: Scopes) -> None:
    """Ask, and note what the answer tells about the endpoint's scopes."""
    ask = api.first_outcome if call.endpoint.method == "POST" else api.outcome
    try:
        outcome = ask(call)
    except ScopeError:
        scopes.refused.append(call.endpoint.scopes)
        return
    if isinstance(outcome, Retryable | RateLimited):
        scopes.untold.update(call.endpoint.scopes)
    else:
        scopes.held.update(call.endpoint.scopes)


def _described(account: Account | None) -> str:
    if account is None:
        return "an account whose name the key may not read (accounts:read)"
    purpose = "test" if account.is_test else "live"
    return f"{account.name} ({purpose} account, time zone {account.timezone})"


def _listed(scopes: set[str]) -> str:
    return enumeration(sorted(scopes)) if scopes else "none"
