"""What a run has done, as lines for the log at its end (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.columns import aligned
from target_klaviyo.wording import counted
from target_klaviyo.writing.rejects import replay
from target_klaviyo.writing.tally import counted_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_klaviyo.writing.tally import Tally

_HEADINGS = ("", "read", "stored", "merged", "rejected")


def summary(tally: Tally, rejects_path: Path) -> Iterator[str]:
    """A table by kind of row, then sentences; no customer's data.

    Args:
        tally: the counts.
        rejects_path: where the rejects are.
    """
    yield from aligned([_HEADINGS, *_rows(tally)])
    sent = f"{counted(tally.stored['events'], 'event')} and "
    sent += counted(tally.stored["profiles"], "profile")
    requests = f"{counted(tally.requests, 'request')} and {counted(tally.jobs, 'import job')}"
    yield f"Klaviyo took {sent} in {requests}."
    if tally.backfilled:
        are = "is history and triggers" if tally.backfilled == 1 else "are history and trigger"
        yield f"{tally.backfilled:,} of the events {are} no flows."
    if tally.resent:
        were = "was" if tally.resent == 1 else "were"
        yield f"{counted(tally.resent, 'request')} {were} sent again after failing."
    if tally.slowed_down:
        yield f"Klaviyo asked {counted(tally.slowed_down, 'time')} to slow down."
    for warning, count in sorted(tally.warnings.items()):
        yield f"{counted(count, 'time')} {warning}."
    for (label, rule), count in sorted(tally.rules.items()):
        yield f"{counted_rows(count, label)} rejected: {rule}"
    if tally.rules:
        yield f"The rejects are in {rejects_path}; replay them with `{replay(rejects_path)}`."


def _rows(tally: Tally) -> Iterator[tuple[str, ...]]:
    raw = sorted((tally.seen.keys() | tally.rejected.keys()) - {"events", "profiles"})
    for label in ("events", "profiles"):
        counters = (tally.seen, tally.stored, tally.duplicates, tally.rejected)
        yield (label, *(f"{counter[label]:,}" for counter in counters))
    for label in raw:  # for a transform: it makes rows of them
        yield label, f"{tally.seen[label]:,}", "", "", f"{tally.rejected[label]:,}"
