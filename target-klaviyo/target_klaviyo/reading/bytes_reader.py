"""The SDK's message reader, on bytes."""

from __future__ import annotations

import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.io_base import GenericSingerReader

from target_klaviyo.errors import InputError
from target_klaviyo.reading import messages

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override


class BytesReader(GenericSingerReader[bytes]):
    """Reads messages from bytes; `line` is the one being processed.

    The target sets `pump`, which works while the input is slow and waits while Klaviyo is.
    """

    pump: Callable[[int | None], None]
    refuse_deep: Callable[[str], None]

    def __init__(self) -> None:
        super().__init__()
        self.line = b""
        self.line_number = 0

    @property
    @override
    def default_input(self) -> IO[bytes]:
        return sys.stdin.buffer

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        return messages.parse(line, self.line_number)

    @override
    def process_lines(
        self,
        file_input: IO[bytes] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        source = file_input or self.default_input
        for line in messages.lines(source, self._wait):
            self.line = line
            self.line_number += 1
            try:
                message = messages.parse(line, self.line_number)
            except messages.TooDeep as too_deep:
                self.refuse_deep(too_deep.stream)
                continue
            callback = callbacks.get(message["type"])
            if callback is None:
                raise InputError(
                    f"Line {self.line_number} of the input is a message of the unknown type "
                    f"{message['type'][:50]!r}; check the tap."
                )
            callback(message)
            counts[message["type"]] += 1
        return counts

    def _wait(self, descriptor: int | None) -> None:
        """Whatever `pump` is by now: it changes once the run has begun."""
        self.pump(descriptor)
