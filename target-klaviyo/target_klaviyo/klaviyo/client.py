"""The calls to Klaviyo: headers, the key, one request at a time and what came of it.

Nothing here decides what an answer means; see `outcomes`.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import requests
from requests.auth import AuthBase

from target_klaviyo.klaviyo.endpoints import Answer, NoAnswer

if TYPE_CHECKING:
    from target_klaviyo.config import Settings
    from target_klaviyo.klaviyo.endpoints import Call

JSON_API = "application/vnd.api+json"
CONNECT_SECONDS = 10.0


class _KeyAuth(AuthBase):
    """Signs requests with the private key.

    An auth object, not a session header, so that a ~/.netrc entry cannot take its place.
    """

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Klaviyo-API-Key {self._api_key}"
        return request


class Client:
    """Sends calls; every thread gets a connection of its own.

    Args:
        api_url: base URL without a trailing slash.
        api_key: private key; it appears in no log and no error.
        revision: the API revision, a date.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, *, api_url: str, api_key: str, revision: str, timeout: float) -> None:
        self.api_url = api_url
        self._auth = _KeyAuth(api_key)
        self._headers = {
            "Accept": JSON_API,
            "Content-Type": JSON_API,
            "revision": revision,
            "User-Agent": "target-klaviyo",
        }
        self.timeout = timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    @classmethod
    def configured(cls, settings: Settings, *, longest_timeout: float = math.inf) -> Client:
        """A client as the settings describe it, which waits no longer than `longest_timeout`."""
        return cls(
            api_url=settings.api_url,
            api_key=settings.api_key,
            revision=settings.revision,
            timeout=min(settings.request_timeout, longest_timeout),
        )

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def send(self, call: Call) -> Answer | NoAnswer:
        """Send one request, once; retrying is for whoever knows the budget."""
        try:
            response = self._session.request(
                call.endpoint.method,
                self.api_url + call.path,
                params=dict(call.query),
                data=call.body,
                timeout=(min(CONNECT_SECONDS, self.timeout), self.timeout),
                allow_redirects=False,
            )
        except (requests.ConnectTimeout, requests.exceptions.ProxyError) as error:
            return NoAnswer(_plain_reason(error), connected=False)
        except requests.exceptions.SSLError as error:
            return NoAnswer(_plain_reason(error), connected=False)
        except requests.ConnectionError as error:
            refused = "NewConnectionError" in repr(error) or "NameResolution" in repr(error)
            return NoAnswer(_plain_reason(error), connected=not refused)
        except requests.RequestException as error:
            return NoAnswer(_plain_reason(error), connected=True)
        return Answer(response.status_code, response.headers, response.content)

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = self._auth
            session.headers.update(self._headers)
            self._local.session = session
            self._sessions.append(session)
        return session


def _plain_reason(error: requests.RequestException) -> str:
    """What went wrong in a few words, from the innermost cause."""
    cause: BaseException = error
    while isinstance(inner := _inner(cause), BaseException):
        cause = inner
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return type(cause).__name__


def _inner(error: BaseException) -> object:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if error.args and isinstance(error.args[-1], BaseException):
        return error.args[-1]
    return error.__cause__ or (error.__context__ if isinstance(error, OSError) else None)
