"""Days in time zones, and what the zones have to do with days that differ (pure).

Moments are whole seconds since 1970.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from target_klaviyo.errors import SettingsError
from target_klaviyo.rows.parser import EARLIEST, LATEST_AHEAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_klaviyo.config import Settings

    Metric = Mapping[str, Any]

DAY = timedelta(days=1)

MIN_MOVES = 3
"""Fewer moved events than that are evidence of nothing."""

_OUT_OF_PLACE = ("missing", "unexpected", "moved")
_UTC = ZoneInfo("UTC")
_LIKELY = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


def check_period(settings: Settings, *, today: date) -> None:
    """Raise SettingsError for a period to audit in which no event can lie.

    Args:
        settings: the settings.
        today: in UTC; east of Greenwich it may be tomorrow already.
    """
    first, last = settings.audit_from, settings.audit_to
    earliest, latest = EARLIEST.date(), today + LATEST_AHEAD
    for name, day in (("audit_from", first), ("audit_to", last)):
        if day and not earliest <= day <= latest:
            raise SettingsError(
                f"The setting '{name}' must be a day between {earliest} and {latest}, where events "
                "can lie; correct it or leave it out."
            )
    if first and first > today + timedelta(days=1):
        raise SettingsError(
            f"The setting 'audit_from' lies in the future ({first}), so that nothing would be "
            "compared; correct it or leave it out."
        )
    if first and last and first > last:
        raise SettingsError("The setting 'audit_from' lies after 'audit_to'; exchange them.")


class Days(NamedTuple):
    """The days of a zone from `first` to `last`, both included."""

    zone: ZoneInfo
    first: date
    last: date

    @property
    def span(self) -> dict[str, int]:
        """The moment at which they start, and the one that ends them."""
        return {
            "start": midnight(self.first, self.zone),
            "end": midnight(self.last + DAY, self.zone),
        }

    def in_zone(self, zone: ZoneInfo) -> Days:
        """The days of another zone that hold these, of the same names and whole."""
        first, last = day_of(self.span["start"], zone), day_of(self.span["end"] - 1, zone)
        return Days(zone, min(first, self.first), max(last, self.last))


def zone_named(name: str, setting: str) -> ZoneInfo:
    """The zone of that IANA name.

    Raises:
        SettingsError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"{setting} names no time zone: {name!r}; give an IANA name like America/New_York."
        ) from error


def day_of(moment: float, zone: ZoneInfo) -> date:
    """The day of a moment."""
    return datetime.fromtimestamp(moment, zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first second of a day, also where clocks jump over midnight."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def judge_zones(
    metrics: Sequence[Metric],
    moves: Sequence[tuple[int, int]],
    *,
    account: ZoneInfo,
    source: ZoneInfo | None,
) -> dict[str, Any]:
    """Say what the zones explain, as the report has it.

    Args:
        metrics: those of the report.
        moves: (expected, found) times of moved events. They alone are evidence of a zone: what is
            missing, or there without a source, has no other place to stand at.
        account: zone of the Klaviyo account.
        source: zone of the source's reports, when it was told.
    """
    sentences = [_who_counts_how(account, source)]
    differing, is_cause = 0, False
    if source is not None and source.key != account.key:
        differing = sum(map(_differing_days, metrics))
        is_cause = bool(differing) and not any(
            metric["findings_by_kind"][kind] for metric in metrics for kind in _OUT_OF_PLACE
        )
        sentences.append(_of_both_groupings(metrics, differing, is_cause=is_cause))
    suggested, sentence = misread_zone(moves, account, source)
    sentences += [sentence] if sentence else []
    return {
        "account": account.key,
        "source": source.key if source else None,
        "differing_days": differing,
        "are_the_cause": is_cause,
        "suggested": suggested,
        "sentences": sentences,
    }


def misread_zone(
    moves: Sequence[tuple[int, int]], account: ZoneInfo, source: ZoneInfo | None
) -> tuple[str | None, str]:
    """The zone whose local times, taken for another's, would have moved the events so.

    Returns:
        Its name and the sentence that says so; None and nothing when no zone explains all moves.
    """
    if len(moves) < MIN_MOVES:
        return None, ""
    preferred = (source.key,) if source else ()
    for name in dict.fromkeys((*preferred, *_LIKELY, *sorted(available_timezones()))):
        zone = ZoneInfo(name)
        for taken_for in dict.fromkeys((_UTC, account)):
            if all(_misread(time, zone, taken_for) == found for time, found in moves):
                return name, (
                    f"The moved events stand just where they would if local times of {name} had "
                    f"been taken for times in {taken_for.key}."
                )
    return None, ""


def _misread(time: int, zone: ZoneInfo, taken_for: ZoneInfo) -> int:
    """The moment at which clocks of another zone show what the zone's clocks show at a time."""
    local = datetime.fromtimestamp(time, zone)
    return int(local.replace(tzinfo=taken_for, fold=0).timestamp())


def _who_counts_how(account: ZoneInfo, source: ZoneInfo | None) -> str:
    if source is None:
        return (
            f"Klaviyo's account counts its days in {account.key}. If the source's reports count "
            "theirs in another zone, set 'source_timezone' to it, and both appear side by side."
        )
    if source.key == account.key:
        return f"Klaviyo's account and the source's reports count their days in {account.key}."
    return (
        f"Klaviyo's account counts its days in {account.key}, the source's reports theirs in "
        f"{source.key}."
    )


def _differing_days(metric: Metric) -> int:
    """Days for which what Klaviyo holds counts differently in the two zones.

    Only the zones can be the reason: the events are the same, whatever is absent.
    """
    return sum(
        day["klaviyo_in_source_zone"] != day["klaviyo_feed"] for day in metric["days_both_ways"]
    )


def _of_both_groupings(metrics: Sequence[Metric], differing: int, *, is_cause: bool) -> str:
    if not differing:
        return "No count of a day differs for it."
    days = "1 count of a day differs" if differing == 1 else f"{differing:,} counts of days differ"
    if not is_cause:
        return f"For that alone {days}; what else differs comes on top."
    totals = all(metric["expected"] == metric["found"] for metric in metrics)
    so, agrees = (
        ("although the totals are equal", "every day agrees")
        if totals
        else ("beside what is explained below", "every day agrees but for that")
    )
    return (
        f"Seen so, {days}, {so}: the time zones are the cause, and no event is out of place. "
        f"Counted in one zone, in either, {agrees}."
    )
