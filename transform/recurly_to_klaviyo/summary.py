"""What a run's end should say of the transform, in sentences without any customer's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_to_klaviyo.metrics import SNAPSHOTS
from recurly_to_klaviyo.person import SAME_EMAIL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def sentences(
    *,
    lacking: Mapping[str, Collection[str]],
    unread: Mapping[str, int],
    left_out: Mapping[str, int],
    unfilled_links: Mapping[str, int],
) -> list[str]:
    """The sentences, most important first.

    Args:
        lacking: Fields of snapshots that were not read -> the properties left alone for it.
        unread: Properties that could not be read -> in how many records.
        left_out: Metrics -> how many events of subscriptions without id or date.
        unfilled_links: Links -> in how many rows a value for them was missing.
    """
    told = [_lacking(field, properties) for field, properties in sorted(lacking.items())]
    if left_out:
        told.append(
            f"Events of subscriptions without an id or a date were left out: {_counted(left_out)}."
        )
    if unread:
        told.append(
            "Properties whose value in Recurly's record could not be read were left out, by number "
            f"of records: {_counted(unread)}."
        )
    if unfilled_links:
        told.append(
            "Links were left out where the record lacks a value that their template names, by "
            f"number of rows: {_counted(unfilled_links)}."
        )
    return told


def _lacking(field: str, properties: Collection[str]) -> str:
    if field == SAME_EMAIL:
        return (
            f"Records of {SNAPSHOTS} came without '{SAME_EMAIL}', so of several accounts with one "
            "address Klaviyo shows the one sent last. Select that field in the tap's catalog."
        )
    listed = ", ".join(sorted(properties))
    return (
        f"Records of {SNAPSHOTS} came without '{field}', so Klaviyo keeps what it has of: "
        f"{listed}. Select that field in the tap's catalog to have it sent."
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items()))
