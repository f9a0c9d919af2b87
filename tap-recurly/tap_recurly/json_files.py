"""JSON files that a user names on the command line."""

from __future__ import annotations

from typing import IO, Any

import orjson

from tap_recurly.errors import ConfigurationError


def read_object(file: IO[str], what: str, *, default: dict[str, Any] | None = None) -> Any:
    """The object that a file holds; the default, when there is one, of an empty file.

    Raises:
        ConfigurationError: If it holds something else, naming the file and what it should be.
    """
    try:
        text = file.read()
        content = default if default is not None and not text.strip() else orjson.loads(text)
    except (OSError, ValueError) as fault:
        raise ConfigurationError(
            f"The {what} file {file.name} is not JSON ({fault}): correct it, or name another."
        ) from fault
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"The {what} file {file.name} does not hold a JSON object: correct it, or name another."
        )
    return content
