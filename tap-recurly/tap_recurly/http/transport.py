"""One HTTP exchange with Recurly: kept-alive connections, the headers, what kept it from one."""

from __future__ import annotations

import zlib
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import HTTPError, LocationParseError

from tap_recurly.errors import ConfigurationError
from tap_recurly.http.responses import API_VERSION, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_recurly.config import Settings

CONNECTION_FAULTS = {
    "CERTIFICATE_VERIFY_FAILED": "the TLS certificate is not accepted",
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS, that is https",
    "SSLError": "no TLS connection comes about",
    "Tunnel connection failed": "the proxy does not let the connection through",
    "ProxyError": "the proxy does not answer",
    "NameResolutionError": "the host name is unknown",
    "NewConnectionError": "the connection is refused",
}
"""Signs in an exception's text that no connection came about, and what they mean."""

PROXY_WANTS_CREDENTIALS = "Tunnel connection failed: 407"
NO_CREDENTIALS = (
    "407, it wants a user and a password, as in http://user:password@proxy.example:3128"
)
NO_CERTIFICATE = "NO_CERTIFICATE_OR_CRL_FOUND"

GZIP = 16 + zlib.MAX_WBITS
"""zlib's word for a stream with gzip's header and check sum."""

GZIP_SIGN = b"\x1f\x8b"

MAX_BODY_BYTES = 16 << 20
"""A page has a few megabytes; what claims to be larger grows as it comes."""

MAX_CONNECT_SECONDS = 10
"""A host that does not take a connection by then is not there."""

MAX_RETRY_AFTER_SECONDS = 60
"""A server that is down for longer than a few of these is down for this run."""


class RetryableError(Exception):
    """A request without a usable answer; it may be sent again.

    `timed_out` when the answer took too long, `connected` unless nobody was there to answer;
    `retry_after` are the seconds that an answer asked for, as far as a run should wait for them.
    """

    def __init__(
        self,
        reason: str,
        *,
        timed_out: bool = False,
        connected: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.retry_after = min(max(retry_after or 0, 0), MAX_RETRY_AFTER_SECONDS)
        self.timed_out = timed_out
        self.connected = connected


class Transport:
    """Connections that are kept alive, as many as may be used at once; shared by all threads."""

    def __init__(self, settings: Settings) -> None:
        silence = settings.request_timeout
        self._timeout = (min(silence, MAX_CONNECT_SECONDS), silence)
        self._session = requests.Session()
        self._session.auth = (settings.api_key, "")
        self._session.headers.update(
            {
                "Accept": f"application/vnd.recurly.{API_VERSION}",
                "Accept-Encoding": "gzip",
                "User-Agent": "tap-recurly",
            }
        )
        # Cookies are what threads cannot share in a session.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        adapter = HTTPAdapter(
            pool_connections=1, pool_maxsize=settings.concurrency, max_retries=0, pool_block=True
        )
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def exchange(self, method: str, url: str) -> Response:
        """Send one request and read the answer to its end.

        Redirects are answers like any other: following one could carry the key elsewhere.

        Raises:
            RetryableError: If no whole answer came.
            ConfigurationError: If a proxy or certificates are named that cannot be used.
        """
        try:
            with self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                if response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                    raise _proxy_error(NO_CREDENTIALS)
                # In one piece: in small ones, as `content` does it, costs more than the parsing.
                body = _unpacked(response.raw.read(decode_content=False), response.headers)
                return Response(response.status_code, response.headers, body)
        except InvalidSchema as fault:
            raise _proxy_error("SOCKS takes the package PySocks") from fault
        except (InvalidURL, LocationParseError) as fault:
            raise _proxy_error("it is no URL such as http://proxy.example:3128") from fault
        except (requests.RequestException, HTTPError, zlib.error) as fault:
            if PROXY_WANTS_CREDENTIALS in repr(fault):
                raise _proxy_error(NO_CREDENTIALS) from fault
            if NO_CERTIFICATE in repr(fault):
                raise _certificates_error("the file holds none") from fault
            raise _retryable_error(fault) from fault
        except OSError as fault:
            # What is no fault of the network's: requests cannot find the file.
            raise _certificates_error(str(fault)) from fault

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A body as it was before compression; gzip is all that was asked for.

    The last four bytes of a gzip stream are its length, so that memory is taken once. Where that
    is not the length, a proxy has made several streams of it, one behind the other.
    """
    encodings = {each.strip() for each in headers.get("Content-Encoding", "").lower().split(",")}
    if not body or not encodings & {"gzip", "x-gzip"}:
        return body
    length = int.from_bytes(body[-4:], "little")
    whole = zlib.decompress(body, wbits=GZIP, bufsize=max(min(length, MAX_BODY_BYTES), 1))
    if len(whole) == length:
        return whole
    parts = []
    while body.startswith(GZIP_SIGN):
        stream = zlib.decompressobj(wbits=GZIP)
        parts.append(stream.decompress(body))
        body = stream.unused_data
    return b"".join(parts)


def _proxy_error(reason: str) -> ConfigurationError:
    """The variables' values stay out of it: they may hold a password."""
    return ConfigurationError(
        f"The proxy that the environment names cannot be used ({reason}): correct the variable "
        f"HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name Recurly's host in NO_PROXY."
    )


def _certificates_error(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The certificates that the environment names cannot be used ({reason.rstrip('.')}): let "
        f"the variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE name a file of them, or remove it."
    )


def _retryable_error(fault: Exception) -> RetryableError:
    """What broke, in few words; the exception's own text could be pages long.

    An answer that stops half-way times out as a `ConnectionError` around urllib3's own exception.
    """
    text = repr(fault)
    if isinstance(fault, requests.Timeout) or "ReadTimeoutError" in text:
        connected = not isinstance(fault, requests.ConnectTimeout)
        return RetryableError("no answer in time", timed_out=connected, connected=connected)
    for sign, reason in CONNECTION_FAULTS.items():
        if sign in text:
            return RetryableError(reason, connected=False)
    return RetryableError("the connection broke")
