"""The calls to Klaviyo: headers, the key, one request at a time and what came of it.

Nothing here decides what an answer means; see `outcomes`.
"""

from __future__ import annotations

import math
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL, ProxyError, SSLError
from urllib3.exceptions import LocationParseError

from target_klaviyo.klaviyo.clock import ClockComparison
from target_klaviyo.klaviyo.endpoints import Answer, NoAnswer
from target_klaviyo.klaviyo.proxy import (
    proxy_for,
    wrong_address,
    wrong_certificates,
    wrong_password,
)

if TYPE_CHECKING:
    from target_klaviyo.config import Settings
    from target_klaviyo.klaviyo.endpoints import Call

JSON_API = "application/vnd.api+json"
CONNECT_SECONDS = 10.0


class Client:
    """Sends calls; every thread gets a connection of its own.

    Args:
        api_url: base URL without a trailing slash.
        api_key: private key; it appears in no log and no error.
        revision: the API revision, a date.
        timeout: seconds to wait for an answer.
        clocks: compares the machine's clock with Klaviyo's; clients of one run may share it.
    """

    def __init__(
        self,
        *,
        api_url: str,
        api_key: str,
        revision: str,
        timeout: float,
        clocks: ClockComparison | None = None,
    ) -> None:
        self.api_url = api_url
        self._api_key = api_key
        self._headers = {
            "Accept": JSON_API,
            "Content-Type": JSON_API,
            "revision": revision,
            # A retired revision is to be refused, not answered by a newer one under its name
            # (docs/klaviyo.md: Revisions).
            "X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1",
            "User-Agent": "target-klaviyo",
        }
        self.timeout = timeout
        self._clocks = clocks or ClockComparison()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    @classmethod
    def configured(
        cls,
        settings: Settings,
        *,
        longest_timeout: float = math.inf,
        clocks: ClockComparison | None = None,
    ) -> Client:
        """A client as the settings describe it, which waits no longer than `longest_timeout`."""
        return cls(
            api_url=settings.api_url,
            api_key=settings.api_key,
            revision=settings.revision,
            timeout=min(settings.request_timeout, longest_timeout),
            clocks=clocks,
        )

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def send(self, call: Call) -> Answer | NoAnswer:
        """Send one request, once; retrying is for whoever knows the budget.

        Raises:
            SettingsError: the environment names a proxy or certificates that cannot be used.
        """
        url = self.api_url + call.path
        try:
            response = self._session.request(
                call.endpoint.method,
                url,
                params=dict(call.query),
                data=call.body,
                timeout=(min(CONNECT_SECONDS, self.timeout), self.timeout),
                allow_redirects=False,
            )
        except (OSError, TypeError, LocationParseError) as error:  # requests' are OSErrors
            return _no_answer(url, error)
        if response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise wrong_password(url)
        self._clocks.note_date(response.headers.get("Date", ""))
        return Answer(response.status_code, response.headers, response.content)

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # Not a header of the session, which an entry in ~/.netrc would replace.
            session.auth = self._sign
            session.headers.update(self._headers)
            self._local.session = session
            self._sessions.append(session)
        return session

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Klaviyo-API-Key {self._api_key}"
        return request


def _no_answer(url: str, error: OSError | TypeError | LocationParseError) -> NoAnswer:
    """What came instead of an answer; raises SettingsError as `send`."""
    if isinstance(error, TypeError):
        if proxy_for(url) is None:
            raise error
        raise wrong_address(url) from error  # requests trips over a password without a host
    if isinstance(error, InvalidURL | InvalidSchema | LocationParseError):
        raise wrong_address(url) from error
    if not isinstance(error, requests.RequestException):
        raise wrong_certificates(error) from error
    reason = _plain_reason(error)
    if isinstance(error, ProxyError):
        if reason.startswith("Tunnel connection failed: 407"):
            raise wrong_password(url) from error
        return NoAnswer(f"{proxy_for(url)}: {reason}", connected=False)
    never_connected = isinstance(error, ConnectTimeout | SSLError) or (
        isinstance(error, requests.ConnectionError)
        and ("NewConnectionError" in repr(error) or "NameResolution" in repr(error))
    )
    return NoAnswer(reason, connected=not never_connected)


def _plain_reason(error: requests.RequestException) -> str:
    """What went wrong in a few words, from the innermost cause."""
    cause: BaseException = error
    while isinstance(inner := _inner(cause), BaseException):
        cause = inner
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if str(cause).startswith("Tunnel connection failed"):  # the proxy's own words, no address
        return str(cause)
    return type(cause).__name__


def _inner(error: BaseException) -> object:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if error.args and isinstance(error.args[-1], BaseException):
        return error.args[-1]
    return error.__cause__ or (error.__context__ if isinstance(error, OSError) else None)
