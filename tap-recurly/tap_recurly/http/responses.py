"""What Recurly answers, and what its refusals mean to the person who runs the tap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

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
from tap_recurly.http.rate_limit import RateHeaders
from tap_recurly.http.repair import repaired
from tap_recurly.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


API_VERSION = "v2021-02-25"


@dataclass(frozen=True)
class Response:
    """An HTTP answer whose body arrived whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def date(self) -> datetime | None:
        """The server's clock, in whole seconds."""
        return _moment(self.headers.get("Date", ""))

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, whether the header gives seconds or a date."""
        seconds = self.number("Retry-After")
        if seconds is not None:
            return float(seconds)
        moment = _moment(self.headers.get("Retry-After", ""))
        if moment is None:
            return None
        return (moment - (self.date or datetime.now(timezone.utc))).total_seconds()

    @property
    def requested_wait(self) -> str:
        """The wait that it asks for, worded to stand inside a sentence; empty without one."""
        seconds = self.retry_after
        return f", asks to wait {seconds:,.0f} s" if seconds and seconds > 0 else ""

    def number(self, header: str) -> int | None:
        """A header that is a whole number, None when it is absent or something else."""
        text = self.headers.get(header, "").strip()
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def request_id(self) -> str:
        """Recurly's id of the request, worded to stand inside a sentence; empty without one."""
        request_id = self.headers.get("X-Request-Id")
        return f", request id {redact(request_id)}" if request_id else ""

    @property
    def rate_headers(self) -> RateHeaders:
        """What the answer says about the request budget."""
        return RateHeaders(
            limit=self.number("X-RateLimit-Limit"),
            remaining=self.number("X-RateLimit-Remaining"),
            reset=self.number("X-RateLimit-Reset"),
            server_time=self.date.timestamp() if self.date else None,
            retry_after=self.retry_after,
        )

    @property
    def error(self) -> RecurlyError:
        """Recurly's own words on a refusal; empty when the body (a gateway's HTML) has none."""
        try:
            return msgspec.json.decode(repaired(self.body), type=_ErrorBody).error
        except msgspec.MsgspecError:
            return RecurlyError()


def _moment(text: str) -> datetime | None:
    """An HTTP date, in UTC where it names no zone; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


class RecurlyError(msgspec.Struct):
    """The `error` object of Recurly's error bodies; either field may be null."""

    type: str | None = None
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: RecurlyError


def is_retryable(response: Response) -> bool:
    """Whether the same request may be answered at another try.

    408 comes from gateways, `simultaneous_request` from Recurly while it works on the same thing.
    """
    return (
        response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or response.status == HTTPStatus.REQUEST_TIMEOUT
        or (
            response.status >= HTTPStatus.BAD_REQUEST
            and response.error.type == "simultaneous_request"
        )
    )


def error_for(
    response: Response, url: str, *, answered_before: bool = False, secrets: Iterable[str] = ()
) -> TapRecurlyError | None:
    """The error that an answer which cannot pass stands for, None when it is a good one.

    A list that has been answered before is there and has its feature. No message shows the
    secrets, though Recurly's own words did.
    """
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    where = redacted_path(url)
    words = redact(response.error.message or "", secrets).rstrip(".")
    said = f"{words or f'status {response.status}'}{response.request_id}"
    kind = _kind(response)
    if kind is MissingFeatureError and answered_before:
        kind = RequestError
    nothing, advice = "nothing", "check the setting 'api_url' and "
    if answered_before:
        nothing, advice = "no longer anything", ""
    if response.status == HTTPStatus.NOT_MODIFIED:
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
            f"Recurly has {nothing} at {where} ({said}): {advice}run again; it continues from the "
            f"last STATE."
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


def _kind(response: Response) -> type[TapRecurlyError]:
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
    if response.status < HTTPStatus.BAD_REQUEST:
        return RedirectedError
    return by_type.get(response.error.type or "") or by_status.get(response.status, RequestError)


def redacted_path(url: str) -> str:
    """A URL's path, as errors and logs show it: queries are long and may hold e-mail addresses."""
    return redact(urlsplit(url).path)
