"""What an answer means for the request that got it (pure).

    Success      carried out
    Retryable    a passing trouble: send the same again, later
    RateLimited  429: nothing to this endpoint before Retry-After is over
    NotFound     404 for something named in the path
    Rejected     the content is refused, or too much (413, 414); `errors` say why, and perhaps for
                 which row

Everything else concerns the whole run and is raised as a KlaviyoError. An answer counts only if it
is Klaviyo's, by its status and its form: a login page's 200 stores nothing, and a proxy's 400 says
nothing about a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import KlaviyoError, ScopeError
from target_klaviyo.klaviyo.endpoints import LIST, NoAnswer
from target_klaviyo.klaviyo.json_api import as_object, objects
from target_klaviyo.text import enumeration, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_klaviyo.klaviyo.endpoints import Answer, Endpoint


# A row may have a property of that name; only what speaks of the header itself stops the run.
_ABOUT_THE_REVISION = re.compile(
    r"revision\W{0,3} header|header\W{1,3}revision|revision\W{1,4}\d{4}-\d\d-\d\d"
    r"|\d{4}-\d\d-\d\d\S*\W{1,4}(?:is )?(?:not a valid|an invalid|a retired) revision"
    r"|\b(?:api|missing|invalid|unknown|unsupported|retired|deprecated)[ _]revision\b"
)
_LONGEST_RETRY_AFTER = 24 * 60 * 60.0
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
_MOVED = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT}
_SERVER_ERRORS = 500


@dataclass(frozen=True)
class ApiError:
    """One of Klaviyo's error objects.

    Attributes:
        duplicate_id: the profile that has an identifier already, when Klaviyo names it.
    """

    code: str
    title: str
    detail: str
    pointer: str
    duplicate_id: str = ""

    @property
    def rule(self) -> str:
        """What is wrong, for the log; a detail is left out, since it may quote the row."""
        place = re.sub(r"/\d+(?=/|$)", "", self.pointer).rpartition("/data/")[2] or "the request"
        named = self.title or self.code or "error"
        return redact(f"Klaviyo refused it: {named.rstrip('.')[:300]} at {place[:80]}.")

    @property
    def reason(self) -> str:
        """A sentence for the rejects file, which holds the row anyway."""
        return f"Klaviyo refused it: {self.detail or self.title or self.code or 'no reason given'}"


_TOO_LARGE = ApiError("", "Payload too large", "The row is too large for Klaviyo.", "")


@dataclass(frozen=True)
class Success:
    """Carried out; `document` is the JSON that came back, if any."""

    document: Any


@dataclass(frozen=True)
class Retryable:
    """A passing trouble; `seconds` as Retry-After has it, None when that names no time to wait."""

    why: str
    connected: bool = True
    seconds: float | None = None


@dataclass(frozen=True)
class RateLimited:
    """429; `seconds` as Retry-After has it, None when that names no time to wait."""

    seconds: float | None


@dataclass(frozen=True)
class Rejected:
    """The content is refused; there is at least one error."""

    errors: tuple[ApiError, ...]


class NotFound(Rejected):
    """404 for something named in the path."""


Decisive = Success | Rejected
"""What the same request, sent again, would come to once more."""

Outcome = Decisive | Retryable | RateLimited


def classify(answer: Answer | NoAnswer, endpoint: Endpoint) -> Outcome:  # noqa: C901, PLR0911  (one branch per kind of answer)
    """What `answer` to a request to `endpoint` means.

    Raises:
        KlaviyoError: no request of this run can succeed.
    """
    if isinstance(answer, NoAnswer):
        return Retryable(answer.reason, connected=answer.connected)
    status, document = answer.status, answer.document()
    errors = api_errors(document)
    if status in endpoint.success and _has_form(document, endpoint):
        return Success(document)
    if HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST and status not in _MOVED:
        return Retryable(_foreign(answer))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(_retry_after(answer.headers))
    if status >= _SERVER_ERRORS or status in _TRANSIENT:
        return Retryable(f"HTTP status {status}", seconds=_retry_after(answer.headers))
    if status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG}:
        return Rejected((_TOO_LARGE,))
    if status == HTTPStatus.FORBIDDEN and not errors:
        # Klaviyo's own refusals are JSON; HTML comes from the firewall before it, and passes.
        return Retryable("HTTP status 403 from a firewall or a proxy before Klaviyo")
    _stop_the_run_if_it_must(status, errors, endpoint)
    if status == HTTPStatus.NOT_FOUND and "{id}" in endpoint.path:
        return NotFound(errors) if errors else Retryable(_foreign(answer))
    of_a_row = endpoint.method != "GET" and any("profile" in each.detail.lower() for each in errors)
    if status == HTTPStatus.NOT_FOUND and not of_a_row:
        raise KlaviyoError(
            f"There is no Klaviyo API at the configured address (HTTP status 404 for "
            f"{endpoint.path}); check the setting 'api_url', or remove it to use Klaviyo's own."
        )
    if status in {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }:
        return Rejected(errors) if errors else Retryable(_foreign(answer))
    raise KlaviyoError(
        f"Klaviyo's {endpoint.name} endpoint answered with HTTP status {status}"
        f"{_detail(errors)}; check the settings 'api_url' and 'revision', or upgrade "
        "target-klaviyo."
    )


def limits_told(answer: Answer | NoAnswer, outcome: Outcome) -> Mapping[str, str] | None:
    """The headers of an answer that tells limits, or by their absence that there are none.

    Klaviyo sends them with every answer but a 429 (docs/klaviyo.md: Limits). A refusal without them
    may come from a gateway before it, or from a path that nobody counts: it tells nothing.
    """
    if isinstance(answer, NoAnswer):
        return None
    told = isinstance(outcome, Success) or "RateLimit-Limit" in answer.headers
    return answer.headers if told else None


def api_errors(document: Any) -> tuple[ApiError, ...]:
    """The error objects of an answer, as far as they have Klaviyo's form."""
    found = []
    for error in objects(as_object(document).get("errors")):
        source, meta = as_object(error.get("source")), as_object(error.get("meta"))
        found.append(
            ApiError(
                str(error.get("code") or ""),
                str(error.get("title") or ""),
                str(error.get("detail") or ""),
                str(source.get("pointer") or source.get("parameter") or source.get("header") or ""),
                str(meta.get("duplicate_profile_id") or ""),
            )
        )
    return tuple(found)


def _stop_the_run_if_it_must(status: int, errors: tuple[ApiError, ...], endpoint: Endpoint) -> None:
    if status == HTTPStatus.UNAUTHORIZED:
        raise KlaviyoError(
            "Klaviyo does not accept the API key: check that the setting 'api_key' holds a private "
            "key (Settings > API keys) that has not been deleted."
        )
    if status == HTTPStatus.FORBIDDEN:
        raise ScopeError(
            f"Klaviyo's API key may not use the {endpoint.name} endpoint"
            f"{_detail(errors)}; create a private key with the scopes "
            f"{enumeration(endpoint.scopes)} and set it as 'api_key'."
        )
    for error in errors:
        text = f"{error.code} {error.title} {error.detail}".lower()
        of_a_row = error.pointer.startswith("/data/attributes")
        if not of_a_row and (
            error.pointer.lower() == "revision" or _ABOUT_THE_REVISION.search(text)
        ):
            raise KlaviyoError(
                f"Klaviyo refuses the API revision{_detail((error,))}; set 'revision' to one that "
                "Klaviyo supports, or remove the setting to use the default."
            )
        if "/relationships" in error.pointer or (
            status == HTTPStatus.NOT_FOUND and (endpoint is LIST or re.search(r"\blist\b", text))
        ):
            raise KlaviyoError(
                f"Klaviyo refuses the list that profiles are to join{_detail((error,))}; check "
                "the setting 'list_id'."
            )
    if status in {HTTPStatus.GONE, HTTPStatus.METHOD_NOT_ALLOWED}:
        raise KlaviyoError(
            f"Klaviyo no longer offers the {endpoint.name} endpoint in this API revision (HTTP "
            f"status {status}); upgrade target-klaviyo or check the setting 'revision'."
        )
    if status in _MOVED:
        raise KlaviyoError(
            f"The configured address redirects (HTTP status {status}) instead of answering; check "
            "the setting 'api_url', or remove it to use Klaviyo's own."
        )


def _detail(errors: tuple[ApiError, ...]) -> str:
    said = next((error.detail or error.title for error in errors), "")
    return f' ("{redact(said[:300]).rstrip(".")}")' if said else ""


def _has_form(document: Any, endpoint: Endpoint) -> bool:
    """Whether the answer holds what the endpoint's reference says."""
    data = as_object(document).get("data")
    identifier, attributes = as_object(data).get("id"), as_object(data).get("attributes")
    forms = {
        "nothing": True,
        "list": isinstance(data, list),
        "resources": isinstance(data, list) and all(map(_is_resource, data)),
        "id": isinstance(identifier, str) and identifier != "",
        "status": isinstance(as_object(attributes).get("status"), str),
        "resource": isinstance(attributes, dict) or isinstance(identifier, str),
    }
    return forms[endpoint.answers_with]


def _is_resource(item: Any) -> bool:
    return isinstance(as_object(item).get("id"), str) and isinstance(
        as_object(item).get("attributes"), dict
    )


def _foreign(answer: Answer) -> str:
    """What came, told to somebody who may find out who answered."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0][:50] or "no content type"
    return (
        f"an answer that is not Klaviyo's (HTTP status {answer.status}, {kind}), perhaps from a "
        "proxy or a login page in between"
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, None when the header names no such time: 0 has not helped who got a 429."""
    try:
        seconds = float(headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 < seconds <= _LONGEST_RETRY_AFTER else None
