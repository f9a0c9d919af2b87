"""Recurly's API as the tap needs it: counts, pages and records, whatever the network does.

A request waits for its place in the budget, is sent, and is tried again when no readable answer
came or Recurly asks to wait. What cannot get better by trying again is raised as a sentence.
The key goes to the configured host and nowhere else.
"""

from __future__ import annotations

import logging
import re
import time
from base64 import b64encode
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec
import orjson

from tap_recurly.errors import BudgetError, RequestError, TapRecurlyError, UnreachableError
from tap_recurly.http.pages import Count, Page, Row, are_objects, as_lines, check_utf8
from tap_recurly.http.queries import encoded, endpoint
from tap_recurly.http.rate_limit import ClosedError, RateLimiter
from tap_recurly.http.repair import repaired
from tap_recurly.http.responses import API_VERSION, Response, error_for, is_retryable, redacted_path
from tap_recurly.http.retry import CircuitBreaker, CircuitOpenError, PageSizes, RetryPolicy
from tap_recurly.http.transport import RetryableError, Transport
from tap_recurly.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_recurly.config import Settings
    from tap_recurly.http.retry import Permit

logger = logging.getLogger(__name__)

TIMEOUTS_BEFORE_SMALLER_PAGE = 2
"""Once is chance; twice is a page too heavy to arrive in time."""

MAX_FAILED_HEADS = 2
"""Lists in a row of which HEAD tells nothing though GET is answered; then it is not asked again."""

MAX_THROTTLED_SECONDS = 900
"""Three windows of the rate limit without one request let through."""

MAX_EMPTY_PAGES = 10
"""No filter of Recurly's leaves pages empty; what goes on so goes on for ever."""

VERSION_PREFIX = re.compile(r"^/v\d{4}-\d{2}-\d{2}(?=/)")

Body = TypeVar("Body")


class _ListBody(msgspec.Struct):
    """A page; the API's description promises none of its fields."""

    data: list[msgspec.Raw]
    has_more: bool | None = None
    next: str | None = None

    @property
    def more(self) -> bool:
        """Whether the list goes on."""
        return bool(self.next) if self.has_more is None else self.has_more


class RecurlyClient:
    """A client of one Recurly site, used by many threads at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limiter = RateLimiter(settings.quota_percent)
        self._base_url = settings.base_url
        self._secrets = _spellings(settings.api_key)
        self._transport = Transport(settings)
        self._policy = retry or RetryPolicy()
        # An answer to HEAD, which has no body, does not tell whether GET fails no more.
        self._breakers = {method: CircuitBreaker(self._policy, clock) for method in ("GET", "HEAD")}
        self._sleep = sleep or self.limiter.pause
        self._page_sizes = PageSizes()
        self._answered: set[str] = set()
        self._reached = False
        self._failed_heads = 0
        self._said: set[str] = set()

    def close(self) -> None:
        """Ask for nothing more; requests under way are the last of their threads."""
        self.limiter.close()
        for breaker in self._breakers.values():
            breaker.shut_down()
        self._transport.close()

    def count(self, path: str, params: Mapping[str, str] | None = None) -> Count:
        """Ask how many rows a list has, without reading it."""
        heads_work = self._failed_heads < MAX_FAILED_HEADS
        response = self._head(self._url(path, params)) if heads_work else None
        if response is not None:
            self._failed_heads = 0
        else:
            # An answer to HEAD has no body: only GET says why, or that HEAD alone is the trouble.
            few = {"limit": "1"} if "limit" in (params or {}) else {}
            url = self._url(path, {**(params or {}), **few})
            response = self._request("GET", url, lambda response: response)
            self._failed_heads += 1
        row_count = response.number("Recurly-Total-Records")
        failed_for_once = 0 < self._failed_heads < MAX_FAILED_HEADS
        if row_count is None and not failed_for_once:
            self._warn_once("HEAD does not count rows here, so long lists are read more slowly.")
        return Count(row_count, self._server_time(response))

    def _head(self, url: str) -> Response | None:
        """An answer to HEAD, None when it fails on a host that is there."""
        try:
            return self._request("HEAD", url, lambda response: response)
        except RequestError:
            return None
        except UnreachableError as fault:
            attempt = fault.__cause__
            if isinstance(attempt, RetryableError) and not attempt.connected:
                raise
            return None

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Page]:
        """Read a list to its end, page by page.

        Raises:
            RequestError: If Recurly refuses a page, the first or a later one.
        """
        return _Pages(self._page, self._url(path, params))

    def rows(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Row]:
        """Read a list to its end, row by row, each as it came."""
        for page in self.pages(path, params):
            yield from page.rows()

    def records(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Read a list to its end, row by row, each as an object."""
        return (row.record for row in self.rows(path, params))

    def document(self, path: str) -> bytes:
        """Read what is not a list: one JSON object."""
        url = self._url(path, None)
        return self._request(
            "GET", url, lambda response: self._readable(response.body, _read_object, url)
        )

    def _page(self, url: str) -> tuple[Page, str | None]:
        """A page, and where the next one is."""
        page = self._request("GET", url, lambda response: self._read_page(response, url))
        self._answered.add(self._endpoint(url))
        return page

    def _read_page(self, response: Response, url: str) -> tuple[Page, str | None]:
        body = self._readable(response.body, _read_list, url)
        lines = as_lines(body.data)
        if not are_objects(body.data):
            raise RetryableError("the list holds a row that is no object")
        page = Page(lines, len(body.data), body.more)
        return page, self._following(body, url) if body.more else None

    def _readable(self, body: bytes, read: Callable[[bytes], Body], url: str) -> Body:
        """What was read of a body, after repair where its texts are not Unicode."""
        try:
            return read(body)
        except RetryableError:
            mended = repaired(body)
            if mended == body:
                raise
        content = read(mended)
        self._warn_once(
            "Recurly sends texts that are not Unicode, first at %s: U+FFFD stands for what "
            "cannot be read.",
            self._endpoint(url),
        )
        return content

    def _following(self, body: _ListBody, url: str) -> str:
        if not body.next:
            raise _stuck(url, "goes on but does not say where")
        return self._here(body.next)

    def _server_time(self, response: Response) -> datetime:
        """The server's clock in whole seconds, or what comes nearest to it."""
        if response.date is not None:
            return response.date
        self._warn_once(
            "Answers carry no Date: this machine's clock bounds what is read, so it must not "
            "be ahead of Recurly's."
        )
        return datetime.now(timezone.utc).replace(microsecond=0)

    def _url(self, path: str, params: Mapping[str, str] | None) -> str:
        query = encoded(params or {})
        return f"{self._base_url}{path}{'?' if query else ''}{query}"

    def _endpoint(self, url: str) -> str:
        return endpoint(url.removeprefix(self._base_url).partition("?")[0])

    def _here(self, address: str) -> str:
        """The next page's URL on the configured site, to which alone the key goes.

        Recurly gives a path; the guide calls it a URL, with the API's version before the path.
        Behind a proxy it may name Recurly's own host, or a path without the proxy's prefix: only
        its path and query matter.
        """
        base = urlsplit(self._base_url)
        parts = urlsplit(address)
        path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
        if path.startswith(f"{base.path}/"):
            path = path.removeprefix(base.path)
        path = base.path + VERSION_PREFIX.sub("", path)
        return urlunsplit((base.scheme, base.netloc, path, parts.query, ""))

    def _request(self, method: str, url: str, read: Callable[[Response], Body]) -> Body:
        """Send a request until it is answered, refused for good, or has failed too often."""
        where, breaker = self._endpoint(url), self._breakers[method]
        failures = timeouts = 0
        permit: Permit | None = None
        while True:
            fitting = self._page_sizes.fitted(where, url)
            if fitting != url:
                url, timeouts = fitting, 0
            try:
                permit = breaker.wait_for_permit(permit)
            except CircuitOpenError as end:
                error = end.last_error
                raise self._unanswered(error, self._policy.max_tries, url) from error
            try:
                body = read(self._attempt(method, url))
            except RetryableError as error:
                if self.limiter.closed:
                    raise ClosedError from error
                failures += 1
                timeouts += error.timed_out
                max_tries = self._max_tries(method, error)
                if max(failures, breaker.record_failure(permit, error, max_tries)) >= max_tries:
                    raise self._unanswered(error, max_tries, url) from error
                logger.warning(
                    "%s %s failed (%s), trying again (%d).",
                    method,
                    redacted_path(url),
                    error,
                    failures,
                )
                pause = max(self._policy.backoff(failures), error.retry_after)
            except TapRecurlyError:
                # A refusal is an answer too.
                self._record_success(method)
                raise
            else:
                self._record_success(method)
                return body
            if timeouts >= TIMEOUTS_BEFORE_SMALLER_PAGE and method == "GET":
                self._page_sizes.halve(where, url)
            self._sleep(pause)

    def _record_success(self, method: str) -> None:
        """Let the others go on, if trouble held them up."""
        self._breakers["HEAD"].record_success()
        if method == "GET":
            self._breakers["GET"].record_success()

    def _attempt(self, method: str, url: str) -> Response:
        """Send a request once there is a place in the budget; wait while Recurly says 429."""
        while True:
            ticket = self.limiter.acquire()
            try:
                response = self._transport.exchange(method, url)
            except RetryableError:
                self.limiter.failed()
                raise
            self._reached = True
            if response.status != HTTPStatus.TOO_MANY_REQUESTS:
                break
            throttled_for = self.limiter.throttled(ticket, response.rate_headers)
            if max(throttled_for, response.retry_after or 0) > MAX_THROTTLED_SECONDS:
                raise BudgetError(
                    f"Recurly keeps refusing requests as too many (status 429"
                    f"{response.requested_wait}{response.request_id}): find out what else uses "
                    f"the site's API, or run again later; it continues from the last STATE."
                )
        self.limiter.succeeded(ticket, response.rate_headers)
        self._warn_of_deprecation(response)
        # 501 to HEAD says that the server does not know it, which it will not learn meanwhile.
        knows_method = method == "GET" or response.status != HTTPStatus.NOT_IMPLEMENTED
        if is_retryable(response) and knows_method:
            reason = f"status {response.status}{response.requested_wait}{response.request_id}"
            raise RetryableError(reason, retry_after=response.retry_after)
        answered_before = self._endpoint(url) in self._answered
        if error := error_for(
            response, url, answered_before=answered_before, secrets=self._secrets
        ):
            raise error
        return response

    def _max_tries(self, method: str, error: RetryableError) -> int:
        """How often a request is sent in all; less often where nobody ever answered.

        So it is where somebody does answer HEAD, but not well: GET can say the same.
        """
        if not error.connected and not self._reached:
            return self._policy.max_tries_unreached
        if error.connected and method == "HEAD":
            return self._policy.max_tries_head
        return self._policy.max_tries

    def _unanswered(self, error: RetryableError, max_tries: int, url: str) -> UnreachableError:
        if not error.connected:
            return UnreachableError(
                f"Recurly cannot be reached at {self._base_url} ({error}): check the network "
                f"and the settings 'region' and 'api_url', then run again."
            )
        return UnreachableError(
            f"Recurly gave no usable answer to {redacted_path(url)} in {max_tries} tries "
            f"(last: {error}): see status.recurly.com and run again; it continues from the "
            f"last STATE."
        )

    def _warn_of_deprecation(self, response: Response) -> None:
        if response.headers.get("Recurly-Deprecated", "").upper() == "TRUE":
            sunset = response.headers.get("Recurly-Sunset-Date")
            self._warn_once(
                "Recurly will switch off API version %s%s: look for a newer tap-recurly.",
                API_VERSION,
                f" on {redact(sunset)}" if sunset else "",
            )

    def _warn_once(self, message: str, *words: str) -> None:
        if message not in self._said:
            self._said.add(message)
            logger.warning(message, *words)


class _Pages:
    """Iterates over pages; a generator would keep each in memory until the next is asked for."""

    def __init__(self, page: Callable[[str], tuple[Page, str | None]], url: str) -> None:
        self._page = page
        self._url: str | None = url
        self._asked: set[str] = set()
        self._empty = 0

    def __iter__(self) -> Iterator[Page]:
        return self

    def __next__(self) -> Page:
        if self._url is None:
            raise StopIteration
        url = self._url
        self._asked.add(url)
        page, self._url = self._page(url)
        self._empty = 0 if page.row_count else self._empty + 1
        if self._url in self._asked:
            raise _stuck(url, "leads back to a page before")
        if self._url is not None and self._empty >= MAX_EMPTY_PAGES:
            raise _stuck(url, f"goes on although {MAX_EMPTY_PAGES} pages in a row are empty")
        return page


def _stuck(url: str, how: str) -> UnreachableError:
    return UnreachableError(
        f"Recurly's list {redacted_path(url)} {how}: run again, and tell Recurly's support if it "
        f"stays so."
    )


def _spellings(key: str) -> tuple[str, ...]:
    """The key as it may come back in an answer: as it is, and as Basic authentication sends it."""
    return key, b64encode(f"{key}:".encode()).decode()


def _read_list(body: bytes) -> _ListBody:
    try:
        check_utf8(body)
        return msgspec.json.decode(body, type=_ListBody)
    except (UnicodeDecodeError, msgspec.MsgspecError) as fault:
        raise RetryableError("the answer is not a list in JSON") from fault


def _read_object(body: bytes) -> bytes:
    try:
        readable = isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        readable = False
    if not readable:
        raise RetryableError("the answer is not an object in JSON")
    return body
