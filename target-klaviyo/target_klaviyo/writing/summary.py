"""What a run has done, as lines for the log at its end (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_klaviyo.writing.tally import Tally

_HEADINGS = ("", "read", "stored", "merged", "rejected")


def summary(tally: Tally, rejects_path: str) -> Iterator[str]:
    """A table by kind of row, then sentences; no customer's data.

    Args:
        tally: the counts.
        rejects_path: where the rejects are, as the user may type it.
    """
    yield from aligned([_HEADINGS, *_rows(tally)])
    sent = " and ".join(f"{tally.stored[kind]:,} {kind}" for kind in ("events", "profiles"))
    yield f"Klaviyo took {sent} in {tally.requests:,} requests and {tally.jobs:,} import jobs."
    if tally.backfilled:
        yield f"{tally.backfilled:,} of the events are history and trigger no flows."
    if tally.resent or tally.slowed_down:
        yield (
            f"{tally.resent:,} requests were sent again after failing; Klaviyo asked "
            f"{tally.slowed_down:,} times to slow down."
        )
    for warning, count in sorted(tally.warnings.items()):
        yield f"{count:,} times {warning}."
    for (kind, rule), count in sorted(tally.rules.items()):
        yield f"{count:,} {kind} rejected: {rule}"
    if tally.rules:
        yield f"The rejects are in {rejects_path}; replay them with < {rejects_path}."


def _rows(tally: Tally) -> Iterator[tuple[str, ...]]:
    raw = sorted((tally.seen.keys() | tally.rejected.keys()) - {"events", "profiles"})
    for kind in ("events", "profiles"):
        counters = (tally.seen, tally.stored, tally.duplicates, tally.rejected)
        yield (kind, *(f"{counter[kind]:,}" for counter in counters))
    for kind in raw:  # for a transform: it makes rows of them
        yield kind, f"{tally.seen[kind]:,}", "", "", f"{tally.rejected[kind]:,}"
