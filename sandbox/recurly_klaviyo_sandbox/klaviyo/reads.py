"""The endpoints that only tell."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

from recurly_klaviyo_sandbox.klaviyo import background, profile_intake, resources, values
from recurly_klaviyo_sandbox.klaviyo.errors import Refusal
from recurly_klaviyo_sandbox.klaviyo.profiles import Identifiers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recurly_klaviyo_sandbox.klaviyo.calls import Answer, Call
    from recurly_klaviyo_sandbox.klaviyo.filters import Condition
    from recurly_klaviyo_sandbox.klaviyo.jobs import ImportJob
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile
    from recurly_klaviyo_sandbox.klaviyo.state import State

Item = TypeVar("Item")

METRICS_PER_PAGE = 200  # documented, not to be chosen
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "greater-than": operator.gt,
    "greater-or-equal": operator.ge,
    "less-than": operator.lt,
    "less-or-equal": operator.le,
}
_SQL = {"greater-than": ">", "greater-or-equal": ">=", "less-than": "<", "less-or-equal": "<="}


def get_accounts(state: State, call: Call) -> Answer:
    """GET /api/accounts: one element (documented)."""
    data = [resources.account(state.options, call)]
    return resources.collection(data, call, state.options)


def get_metrics(state: State, call: Call) -> Answer:
    """GET /api/metrics: no filter by name, pages of 200 (documented)."""
    # Recorded: a filter by integration.category is taken and filters nothing.
    names = [each for each in call.query.conditions if each.field == "integration.name"]
    wanted = [
        metric
        for metric in state.metrics
        if all(metric.integration == condition.text for condition in names)
    ]
    return _listing(state, call, wanted, resources.metric, METRICS_PER_PAGE)


def get_events(state: State, call: Call) -> Answer:
    """GET /api/events: newest first unless sorted otherwise (assumed)."""
    query = call.query
    where = ["received <= ?"]
    # Documented: for up to minutes an event is not visible yet.
    parts: list[object] = [state.now() - state.options.visibility_lag.total_seconds()]
    for condition in query.conditions:
        clause, values_ = _event_clause(state, condition)
        where.append(clause)
        parts.extend(values_)
    down = query.descending or not query.sort
    start = query.start(2)
    if start:
        sign = "<" if down else ">"
        where.append(f"(time, number) {sign} (?, ?)")
        parts.extend(start)
    order = "DESC" if down else "ASC"
    found = state.events.select(
        " AND ".join(where),
        parts,
        f"ORDER BY time {order}, number {order} LIMIT {query.page_size + 1}",
    )
    page = found[: query.page_size]
    following = (page[-1].time, page[-1].number) if len(found) > len(page) else None
    data = [resources.event(event, state, call) for event in page]
    included: list[dict[str, Any]] = []
    if "profile" in query.include:
        numbers = dict.fromkeys(event.profile for event in page)
        included += [resources.profile(state.profiles.number(number), call) for number in numbers]
    if "metric" in query.include:
        numbers = dict.fromkeys(event.metric for event in page)
        included += [resources.metric(state.metrics.number(number), call) for number in numbers]
    return resources.collection(data, call, state.options, following, included)


def _event_clause(state: State, condition: Condition) -> tuple[str, list[object]]:
    if condition.operator == "has":
        return "1", []  # every event has a profile and a metric
    if condition.field == "metric_id":
        found = [state.metrics.get(str(value)) for value in condition.values]
        numbers = [metric.number for metric in found if metric is not None]
        return f"metric IN ({', '.join('?' * len(numbers))})", list(numbers)
    if condition.field == "profile_id":
        profile = state.profiles.get(condition.text)
        return "profile = ?", [profile.number if profile else 0]
    return f"time {_SQL[condition.operator]} ?", [_number(condition)]


def _number(condition: Condition) -> float:
    """A filter's value as seconds since 1970."""
    if isinstance(condition.value, float):
        return condition.value
    moment = values.epoch_second(condition.text)
    if moment is None:
        raise Refusal.parameter(
            "filter", f"Invalid filter provided. '{condition.text}' is not an ISO 8601 time."
        )
    return moment


def get_profiles(state: State, call: Call) -> Answer:
    """GET /api/profiles: sorted by id unless told otherwise (assumed)."""
    query = call.query
    found = [
        profile
        for profile in _candidates(state, query.conditions)
        if all(_meets(profile, condition) for condition in query.conditions)
    ]
    found.sort(key=_profile_key(query.sort.lstrip("-")), reverse=query.descending)
    return _listing(state, call, found, resources.profile, query.page_size)


def _candidates(state: State, conditions: Sequence[Condition]) -> list[Profile]:
    """All profiles, or the few an identifier leads to."""
    book = state.profiles
    for condition in conditions:
        name = condition.field
        if name == "id" or name in Identifiers._fields:
            found = [
                profile
                for value in map(str, condition.values)
                for profile in ([book.get(value)] if name == "id" else book.sharing(name, value))
            ]
            return list(dict.fromkeys(profile for profile in found if profile is not None))
    return list(book)


def _meets(profile: Profile, condition: Condition) -> bool:
    field = condition.field
    if field in {"created", "updated"}:
        return _COMPARISONS[condition.operator](getattr(profile, field), _number(condition))
    wanted = {str(value) for value in condition.values}
    if field == "email":
        wanted = {address.strip().lower() for address in wanted}
    # By an id it was found, perhaps by that of one merged into it.
    return field == "id" or getattr(profile, field, None) in wanted


def _profile_key(name: str) -> Callable[[Profile], Any]:
    if name in {"created", "updated", "email"}:
        return lambda profile: (getattr(profile, name) or "", profile.number)
    return lambda profile: profile.number


def get_profile(state: State, call: Call) -> Answer:
    """GET /api/profiles/{id}."""
    profile = profile_intake.known(state, call.path["id"])
    return resources.one(resources.profile(profile, call), call)


def _job(state: State, identifier: str) -> ImportJob:
    job = state.jobs.get(identifier, state.now())
    if job is None:
        raise Refusal.not_found("profile-bulk-import-job", identifier)
    return job


def get_import_job(state: State, call: Call) -> Answer:
    """GET /api/profile-bulk-import-jobs/{job_id}: the read that moves a job on."""
    job = _job(state, call.path["id"])
    background.poll(state, job)
    return resources.one(resources.import_job(job, call), call)


def get_import_errors(state: State, call: Call) -> Answer:
    """GET /api/profile-bulk-import-jobs/{id}/import-errors, in pages of 20 to 100."""
    job = _job(state, call.path["id"])
    return _listing(state, call, job.errors, resources.import_error, call.query.page_size)


def get_list(state: State, call: Call) -> Answer:
    """GET /api/lists/{id}."""
    found = state.lists.get(call.path["id"])
    if found is None:
        raise Refusal.not_found("list", call.path["id"])
    return resources.one(resources.profile_list(found, call), call)


def _listing(
    state: State,
    call: Call,
    items: Sequence[Item],
    render: Callable[[Item, Call], dict[str, Any]],
    size: int,
) -> Answer:
    """One page by position."""
    (begin,) = call.query.start(1) or (0,)
    end = begin + size
    data = [render(item, call) for item in items[begin:end]]
    return resources.collection(data, call, state.options, (end,) if end < len(items) else None)
