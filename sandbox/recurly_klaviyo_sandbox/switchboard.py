"""The switches of both halves by name, as `serve --switch` takes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, get_origin, get_type_hints

import msgspec

from recurly_klaviyo_sandbox.klaviyo import Switches as KlaviyoSwitches
from recurly_klaviyo_sandbox.recurly import Switches as RecurlySwitches

# A function cannot be typed, and `mode` says already what `sandbox_mode` would.
_ONLY_FROM_PYTHON = {"before_each_request", "sandbox_mode"}

SWITCHES: dict[str, dict[str, Any]] = {
    "recurly": {
        # How the site is built; see `RecurlySite`.
        "mode": Literal["production", "sandbox", "development"],
        "embedded_line_items": int,
        "sub_second": bool,
        "commit_lag": timedelta,
        **{
            name: kind
            for name, kind in get_type_hints(RecurlySwitches).items()
            if name not in _ONLY_FROM_PYTHON
        },
    },
    "klaviyo": get_type_hints(KlaviyoSwitches),
}
"""Each half's switches and their types. Times are seconds, lists are separated by commas."""


def read_switch(text: str) -> tuple[str, str, Any]:
    """Half, name and value of a switch written as `klaviyo.accept_gzip=true`.

    Raises:
        ValueError: With a sentence, when there is no such switch or it cannot be set so.
    """
    address, equals, value = text.partition("=")
    half, _, name = address.partition(".")
    if not equals or half not in SWITCHES:
        raise ValueError(f"'{text}' is no switch: write it like klaviyo.accept_gzip=true.")
    if name not in SWITCHES[half]:
        known = ", ".join(SWITCHES[half])
        raise ValueError(f"{half} has no switch '{name}': there are {known}.")
    kind = SWITCHES[half][name]
    many = get_origin(kind) in {set, tuple}
    try:
        found = msgspec.convert(value.split(",") if many else value, kind, strict=False)
    except msgspec.ValidationError as reason:
        raise ValueError(f"{address} cannot be '{value}': {reason}.") from reason
    return half, name, found
