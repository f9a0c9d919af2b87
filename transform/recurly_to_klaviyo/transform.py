"""The transform that target-klaviyo runs in its own process: (stream, record) -> rows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.profiles import PROPERTIES, profile_row
from recurly_to_klaviyo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Literal

    Kind = Literal["event", "profile"]

SNAPSHOT_STREAM = "account_snapshots"
NAMES = (
    *(metric.name for metric in METRICS),
    *(declared.name for declared in PROPERTIES),
)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Transform:
    """Recurly records as event and profile rows of target-klaviyo.

    Args:
        config: The settings, as `transform_config` holds them.
        clock: The present, in UTC; no event is dated later, since a merchant may type a future
            time into a manual payment.

    Raises:
        ValueError: A setting is wrong; the message says which and what would do.
    """

    streams = frozenset({SNAPSHOT_STREAM, *(metric.stream for metric in METRICS)})

    def __init__(self, config: Mapping[str, Any], *, clock: Callable[[], datetime] = _now) -> None:
        self._settings = Settings.from_config(config, known_names=NAMES)
        self._clock = clock
        self._addresses: set[int] = set()
        self._shared_addresses: set[int] = set()

    def rows(self, stream: str, record: Mapping[str, Any]) -> list[tuple[Kind, dict[str, Any]]]:
        """All rows of one record of one of `streams`, in order; none for an unknown stream.

        Raises:
            ValueError: The record cannot become a row; the message is the reason.
        """
        try:
            if stream == SNAPSHOT_STREAM:
                return [("profile", self._profile(record))]
            return [("event", row) for row in self._events(stream, record)]
        except (AttributeError, KeyError, TypeError) as error:
            # Another tap's stream may bear the same name and hold anything: such a record is
            # refused like any other, and must not end the run.
            flaw = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"The record has not the shape of Recurly's {stream}: {flaw}."
            ) from error

    def summary(self) -> list[str]:
        """Sentences worth logging once at the end of a run; no customer's data in them."""
        if not self._shared_addresses:
            return []
        shared = len(self._shared_addresses)
        counted = "1 e-mail address belongs" if shared == 1 else f"{shared} e-mail addresses belong"
        sentence = (
            f"{counted} to several Recurly accounts: such an address is one Klaviyo profile, "
            "which shows the account that was updated last."
        )
        return [sentence]

    def _events(self, stream: str, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        now = self._clock()
        for metric in METRICS:
            if metric.stream == stream:
                yield from metric.rows(record, self._settings, now)

    def _profile(self, snapshot: Mapping[str, Any]) -> dict[str, Any]:
        row = profile_row(snapshot, self._settings)
        self._count_address(row)
        return row

    def _count_address(self, row: Mapping[str, Any]) -> None:
        """Only hashes are kept: a million addresses would not fit the memory a target may use."""
        if "email" not in row:
            return
        address = hash(row["email"].casefold())
        (self._shared_addresses if address in self._addresses else self._addresses).add(address)
