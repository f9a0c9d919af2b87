"""What stands between here and Klaviyo by the environment's choice: a proxy, certificates.

A mistake in it concerns every request and does not pass: each is one sentence that names the
variable.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from target_klaviyo.errors import SettingsError

CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Proxy(NamedTuple):
    """A proxy: its address without user and password, and the variable that names it."""

    address: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {self.address} (variable {self.variable})"


def proxy_for(url: str) -> Proxy | None:
    """The proxy that requests to `url` go through, if any."""
    address = select_proxy(url, get_environ_proxies(url))
    if not address:
        return None
    names = (f"{urlsplit(url).scheme}_proxy", "all_proxy")
    variables = [variable for name in names for variable in (name, name.upper())]
    variable = next((each for each in variables if os.environ.get(each)), "http_proxy")
    scheme, colon, rest = address.rpartition("://")
    return Proxy(scheme + colon + rest.rpartition("@")[2], variable)


def wrong_address(url: str) -> SettingsError:
    """The address cannot be used: the proxy's, where there is one, since ours has been checked."""
    proxy = proxy_for(url)
    if proxy is None:
        return SettingsError(
            "The setting 'api_url' is not an address that can be reached; correct it."
        )
    if proxy.address.startswith("socks"):
        return SettingsError(
            f"The variable {proxy.variable} names a SOCKS proxy ({proxy.address}), which needs "
            "PySocks: pip install PySocks into target-klaviyo's environment, or name an HTTP proxy."
        )
    return SettingsError(
        f"The variable {proxy.variable} names no proxy that can be used ({proxy.address}); write "
        "an address like http://proxy.example.com:3128, or remove it."
    )


def wrong_password(url: str) -> SettingsError:
    """The proxy answered 407."""
    proxy = proxy_for(url)
    if proxy is None:
        return SettingsError(
            "What answers under the setting 'api_url' is a proxy that asks for a user and a "
            "password (HTTP status 407); set the variable HTTPS_PROXY to it instead."
        )
    return SettingsError(
        f"The proxy {proxy.address} asks for another user or password (HTTP status 407); write "
        f"them into the variable {proxy.variable}, like "
        "http://user:password@proxy.example.com:3128."
    )


def wrong_certificates(error: OSError) -> SettingsError:
    """The file of certificates cannot be read."""
    variable = next((each for each in CERTIFICATE_VARIABLES if os.environ.get(each)), "")
    if not variable:
        return SettingsError(
            f"The certificates that requests brings cannot be read ({error}); install the package "
            "certifi again."
        )
    return SettingsError(
        f"The variable {variable} names {os.environ[variable]}, which is no file of certificates "
        "that can be read; correct or remove it."
    )
