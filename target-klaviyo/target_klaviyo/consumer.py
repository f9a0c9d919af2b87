"""The seam between reading rows and doing something with them.

The writer sends rows to Klaviyo; whatever else is done with the same rows (comparing them with
what Klaviyo holds, say) is another consumer, chosen by the setting `mode`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow


class RowReceiver(Protocol):
    """Takes rows, in order."""

    def event(self, row: EventRow) -> None:
        """A valid event."""

    def profile(self, row: ProfileRow) -> None:
        """A valid profile."""

    def seen(self, label: str) -> None:
        """A row, or a record for the transform, was read; `reject` may follow."""

    def reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """A row, or a record the transform refused; `label` names what it is in summaries."""


class RowConsumer(RowReceiver, Protocol):
    """Takes a run's rows, and brings them to an end."""

    def state(self, value: bytes) -> None:
        """The value of a STATE, as the JSON it came in; it stands for all rows before it."""

    def pump(self, source: Any = None) -> None:
        """Work until there is room for more rows and `source`, when given, can be read.

        Raises:
            RunInterrupted: a signal asked to stop.
            TargetError: the run cannot go on.
        """

    def finish(self, *, all_taken: bool) -> None:
        """The input has ended: bring everything to its end.

        `all_taken` says that no record was passed over as none of ours.
        """

    def wind_down(self) -> None:
        """The run was interrupted: finish what is under way, in limited time."""

    def abandon(self) -> None:
        """The run has failed: hear what is in flight, send nothing more."""

    def interrupt(self, signum: int) -> None:
        """A signal came; safe to call from a signal handler."""
