"""The options of both halves by name, as `serve --option` takes them."""

from __future__ import annotations

from typing import Any, get_origin, get_type_hints

import msgspec

from recurly_klaviyo_sandbox.klaviyo import Options as KlaviyoOptions
from recurly_klaviyo_sandbox.recurly import Options as RecurlyOptions

OPTIONS: dict[str, dict[str, Any]] = {
    "recurly": get_type_hints(RecurlyOptions),
    "klaviyo": get_type_hints(KlaviyoOptions),
}
del OPTIONS["recurly"]["before_each_request"]  # a function cannot be typed
"""Each half's options and their types. Times are seconds, lists are separated by commas."""


def read_option(text: str) -> tuple[str, str, Any]:
    """Half, name and value of an option written as `klaviyo.accept_gzip=true`.

    Raises:
        ValueError: With a sentence, when there is no such switch or it cannot be set so.
    """
    address, equals, value = text.partition("=")
    half, _, name = address.partition(".")
    if not equals or half not in OPTIONS:
        raise ValueError(f"'{text}' is no option: write it like klaviyo.accept_gzip=true.")
    if name not in OPTIONS[half]:
        known = ", ".join(OPTIONS[half])
        raise ValueError(f"{half} has no option '{name}': there are {known}.")
    kind = OPTIONS[half][name]
    many = get_origin(kind) in {set, tuple}
    try:
        found = msgspec.convert(value.split(",") if many else value, kind, strict=False)
    except msgspec.ValidationError as reason:
        raise ValueError(f"{address} cannot be '{value}': {reason}.") from reason
    return half, name, found
