"""What reading has met: streams that mean nothing here, rows with something to warn of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from target_klaviyo.errors import NothingRecognised
from target_klaviyo.text import counted, enumeration

MAX_STREAMS_NAMED = 10


@dataclass
class InputStats:
    """Counts of one input.

    Attributes:
        recognised: a stream has been announced, or a record read, that means something here.
        ignored: records of streams that mean nothing here, by stream.
        warnings: by what they say of a row, in words that follow "3 times".
    """

    recognised: bool = False
    ignored: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    @property
    def ignored_streams(self) -> str:
        """Their names, as many as anybody wants to read."""
        names = sorted(self.ignored)
        more = len(names) - MAX_STREAMS_NAMED
        if more > 0:
            names[MAX_STREAMS_NAMED:] = [f"{more:,} more"]
        return enumeration(names)

    def check(self) -> None:
        """Raise NothingRecognised when there were records and not one stream that is known."""
        if self.ignored and not self.recognised:
            raise NothingRecognised(
                f"Not one of {counted(self.ignored.total(), 'record')} was recognised, of the "
                f"streams {self.ignored_streams}: name those that hold rows in 'event_streams' or "
                "'profile_streams', make rows of them by 'stream_maps', or set 'transform'."
            )
