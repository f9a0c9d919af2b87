"""Kinds of findings, and what a report says of them in a sentence (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WRONG = {
    "missing": "missing",  # should be there and is not
    "unexpected": "unexpected",  # is there and should not be
    "moved": "moved",  # is there, with another time
    "altered": "altered",  # is there, with another value or currency
    "elsewhere": "under another profile",
}
"""How an event can differ, with its words after a number of events."""

EXPLAINED = {
    "dropped": "dropped by Klaviyo without a word",  # went to a domain whose events it drops
    "rejected": "in the rejects file",
    "pending": "too young to be visible",
    "vanished": "no longer shown by the source",  # is there
}
"""The same of what leaves an audit clean, since it needs no mending, or allows none."""

KINDS = (*WRONG, *EXPLAINED)

_KEPT = ("unexpected", "moved", "altered")
"""What no sending mends."""


def wrong(report: Mapping[str, Any]) -> list[str]:
    """What differs and is not explained, as clauses; nothing when all agrees."""
    totals = report["totals"]
    profiles = totals["profiles_differing"]
    return [
        *_events(totals, WRONG),
        *([f"{counted(profiles, 'profile')} altered"] if profiles else ()),
    ]


def sentence(report: Mapping[str, Any]) -> str:
    """The verdict in one sentence, without its full stop."""
    zones = report["time_zones"]
    explained = enumeration(_explained(report))
    differs = enumeration(wrong(report))
    if not differs:
        known = f", but for {explained}" if explained else ""
        if zones["are_the_cause"]:
            known += (
                f"; that daily counts differ is due to the time zones, {zones['source']} "
                f"and {zones['account']}"
            )
        return f"Klaviyo agrees with the source: {_compared(report)}{known}"
    known = f"; explained are {explained}" if explained else ""
    return f"Klaviyo differs from the source: {differs}{known}"


def _compared(report: Mapping[str, Any]) -> str:
    """What the agreement rests on: a period without events is told as that."""
    totals = report["totals"]
    profiles = f"{counted(totals['profiles_checked'], 'profile')} compared"
    if totals["expected"] or totals["found"]:
        return f"{counted(totals['expected'], 'event')} and {profiles}"
    return f"no event lay between {report['first_day']} and {report['last_day']}; {profiles}"


def advice(report: Mapping[str, Any]) -> Iterator[str]:
    """What to do about it, in clauses."""
    totals = report["totals"]
    events, profiles = totals["missing"], totals["profiles_differing"]
    if (events or profiles) and report["repair"] is None:
        which = [counted(events, "missing event")] if events else []
        which += [counted(profiles, "differing profile")] if profiles else []
        yield f"run it again in mode 'repair', which sends {enumeration(which)}"
    elif events or profiles:
        yield (
            "Klaviyo does not show all that was sent again: audit once more in an hour, and if "
            "nothing has changed by then, ask Klaviyo's support about one of the events"
        )
    if totals["elsewhere"]:
        yield (
            "events under another profile stay there: where both profiles are one person's, "
            "merge them in Klaviyo"
        )
    if kept := [kind for kind in _KEPT if totals[kind]]:
        yield (
            f"{enumeration(kept)} events cannot be repaired, because Klaviyo keeps the first event "
            "it gets under a unique_id and deletes none"
        )


def _events(totals: Mapping[str, int], words: Mapping[str, str]) -> Iterator[str]:
    for kind, said in words.items():
        if totals[kind]:
            yield f"{counted(totals[kind], 'event')} {said}"


def _explained(report: Mapping[str, Any]) -> Iterator[str]:
    yield from _events(report["totals"], EXPLAINED)
    if profiles := report["profiles"]["explained"]:
        differs = "differs" if profiles == 1 else "differ"
        yield f"{counted(profiles, 'profile')} that {differs} for a known reason"
    if refused := sum(each["count"] for each in report["never_sent"]):
        yield f"{counted(refused, 'row')} that cannot be sent at all"
