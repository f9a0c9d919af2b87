"""What Recurly's refusals mean to the person who runs the tap."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tap_recurly.errors import (
    ApiVersionError,
    CredentialsError,
    ForbiddenError,
    MissingFeatureError,
    NotFoundError,
    RedirectedError,
    RequestError,
    TapRecurlyError,
)
from tap_recurly.foreign_text import presentable
from tap_recurly.session import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_recurly.session import Answer


def may_pass(answer: Answer) -> bool:
    """Whether the same request may be answered at another try.

    408 comes from gateways, `simultaneous_request` from Recurly while it works on the same thing.
    """
    return (
        answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or answer.status == HTTPStatus.REQUEST_TIMEOUT
        or (answer.status >= HTTPStatus.BAD_REQUEST and answer.error.type == "simultaneous_request")
    )


def refusal(
    answer: Answer, url: str, *, begun: bool = False, secrets: Iterable[str] = ()
) -> TapRecurlyError | None:
    """The error that an answer which cannot pass stands for, None when it is a good one.

    Args:
        answer: What Recurly said.
        url: What it was asked.
        begun: Whether it has answered the same list before, so that the site has its feature.
        secrets: What no message may show, though Recurly's own words did.
    """
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    where = shown(url)
    words = presentable(answer.error.message or "", secrets).rstrip(".")
    said = f"{words or f'status {answer.status}'}{answer.request_id}"
    kind = _kind(answer)
    if kind is MissingFeatureError and begun:
        kind = RequestError
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return RequestError(
            f"{where} is said to be unchanged ({said}), though nobody asked for changes only: "
            f"check the proxy or cache before Recurly, and the setting 'api_url'."
        )
    sentences = {
        CredentialsError: (
            f"Recurly does not accept the API key ({said}): check the settings 'api_key' and "
            f"'region' against Recurly, Integrations > API Credentials."
        ),
        MissingFeatureError: (
            f"The site does not have the feature behind {where} ({said}): deselect the stream."
        ),
        ForbiddenError: (
            f"The API key may not read {where} ({said}): check the key in Recurly, Integrations > "
            f"API Credentials, or deselect the stream."
        ),
        NotFoundError: (
            f"Recurly has nothing at {where} ({said}): check the setting 'api_url' and run again; "
            f"it continues from the last STATE."
        ),
        ApiVersionError: (
            f"Recurly does not speak API version {API_VERSION} at {where} ({said}): install a "
            f"newer tap-recurly, or check the setting 'api_url'."
        ),
        RedirectedError: (
            f"{where} is redirected elsewhere ({said}), and the API key is not sent there: check "
            f"the setting 'api_url'."
        ),
        RequestError: (
            f"Recurly refuses {where} ({said}): run again, it continues from the last STATE; if "
            f"it stays so, tell Recurly's support."
        ),
    }
    return kind(sentences[kind])


def _kind(answer: Answer) -> type[TapRecurlyError]:
    by_type: dict[str, type[TapRecurlyError]] = {
        "invalid_api_key": CredentialsError,
        "invalid_api_version": ApiVersionError,
        "missing_feature": MissingFeatureError,
    }
    by_status: dict[int, type[TapRecurlyError]] = {
        HTTPStatus.UNAUTHORIZED: CredentialsError,
        HTTPStatus.FORBIDDEN: ForbiddenError,
        HTTPStatus.NOT_FOUND: NotFoundError,
        HTTPStatus.NOT_ACCEPTABLE: ApiVersionError,
    }
    if answer.status < HTTPStatus.BAD_REQUEST:
        return RedirectedError
    return by_type.get(answer.error.type or "") or by_status.get(answer.status, RequestError)


def shown(url: str) -> str:
    """A URL's path, as errors and logs show it: queries are long and may hold e-mail addresses."""
    return presentable(urlsplit(url).path)
