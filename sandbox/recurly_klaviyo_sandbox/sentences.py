"""What the command says at a terminal."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.named_faults import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_klaviyo_sandbox.sandbox import Sandbox

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SYNC = "meltano --environment=sandbox run tap-recurly target-klaviyo"
_PRESENT = "the real present (more --behind-days at the start make more room)"
_LOST_REPLIES = "fault klaviyo lost-reply --times 3 --path event-bulk"
_FIRST = _SYNC.replace("run", "run --full-refresh", 1)


def greeting(sandbox: Sandbox, accounts: int, days: int, *, usual_ports: bool) -> str:
    """Where everything is, what there is to see, and the commands that show it."""
    now, behind = sandbox.clock.now(), sandbox.clock.behind
    here = "" if usual_ports else _addresses(sandbox)
    port = "" if usual_ports else f" --recurly-port {sandbox.recurly_url.rpartition(':')[2]}"
    lines = [
        f"Recurly  {sandbox.recurly_url}  key {sandbox.recurly.api_key}",
        f"Klaviyo  {sandbox.klaviyo_url}  key {sandbox.klaviyo.api_key}",
        f"Activity feed  {sandbox.klaviyo_url}/feed  (renews itself)",
        "",
        f"The merchant: {accounts:,} customers, {days:,} days of history up to {_moment(now)},",
        f"which is {_span(behind)} ago, so that there is time left to pass.",
        "In another terminal:",
        "",
        "  # all of the history, without a single e-mail; --full-refresh after every restart",
        f"  {here}{_program(_FIRST)}",
    ]
    if behind:
        lines += [
            f"  # {_span(behind)} pass, then what changed; the last three days of it are live",
            f"  {_program('recurly-klaviyo-sandbox')} advance --days {behind / _DAY:g}{port}",
            f"  {here}{_program(_SYNC)}",
        ]
    lines += [
        "  # three replies get lost after Klaviyo has stored the events: nothing is stored twice",
        f"  {_program('recurly-klaviyo-sandbox')} {_LOST_REPLIES}{port}",
        f"  {here}{_program(_FIRST)}",
        "",
        "Ctrl-C ends it, and nothing is kept.",
    ]
    return "\n".join(lines)


def passage(answer: Mapping[str, Any], asked: timedelta) -> str:
    """How much time passed, what happened meanwhile, and how much of it is news."""
    passed = timedelta(seconds=answer["passed_seconds"])
    left = timedelta(seconds=answer["left_seconds"])
    now = _moment(datetime.fromisoformat(answer["now"]))
    if not passed:
        return f"No time passed: for the merchant it is {now} already, {_PRESENT}."
    less = f" of the {_span(asked)} asked for" if passed < asked - timedelta(seconds=1) else ""
    room = f"still {_span(left)} behind real time" if left else _PRESENT
    said = f"{_span(passed)}{less} passed: for the merchant it is now {now}, {room}.\n"
    new = answer["new_events"]
    if not new:
        return f"{said}Nothing happened meanwhile."
    counted = ", ".join(f"{count:,} {metric}" for metric, count in new.items())
    number, fresh = sum(new.values()), answer["fresh_events"]
    events = "was 1 event" if number == 1 else f"were {number:,} events"
    kind = "all of it history" if not fresh else f"{fresh:,} of them young enough to be live"
    return (
        f"{said}Meanwhile there {events} ({counted}), {kind}.\nBring them over: {_program(_SYNC)}"
    )


def faults(answer: Mapping[str, Any]) -> str:
    """Everything that may still befall requests, a sentence each."""
    return "\n".join(map(_fault, answer["faults"])) or "All is well: there is no fault."


def _fault(order: Mapping[str, Any]) -> str:
    service = str(order["service"]).capitalize()
    times = order["times"]
    every = order["every"]
    if every > 1:
        which = f"one request in {every}" + ("" if times is None else f", {times} times")
    elif times is None:
        which = "all requests"
    else:
        which = "the next request" if times == 1 else f"the next {times} requests"
    if order["method"]:
        which += f" by {order['method'].upper()}"
    if order["path"]:
        which += f" to addresses with '{order['path']}'"
    return f"{service}, {which}: {NAMES[order['name']]}."


def _span(span: timedelta) -> str:
    """A stretch of time in whole or broken days or hours."""
    unit, name = (_DAY, "day") if span >= _DAY else (_HOUR, "hour")
    number = f"{span / unit:.1f}".removesuffix(".0")
    return f"{number} {name}" if number == "1" else f"{number} {name}s"


def _moment(moment: datetime) -> str:
    moment = moment.astimezone(timezone.utc)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _addresses(sandbox: Sandbox) -> str:
    return (
        f"TAP_RECURLY_API_URL={sandbox.recurly_url} "
        f"TARGET_KLAVIYO_API_URL={sandbox.klaviyo_url} \\\n    "
    )


def _program(command: str) -> str:
    """The command as it can be typed here: programs of this environment by their path."""
    name, _, arguments = command.partition(" ")
    folder = Path(sys.executable).parent
    if folder.is_relative_to(Path.cwd()):
        name = str((folder / name).relative_to(Path.cwd()))
    return f"{name} {arguments}".strip()
