"""`make demo`: the whole way from Recurly to Klaviyo, told on a terminal.

A merchant with a year of history, the real `meltano run`, a week that passes, the same command
again, and then both sides counted: what Recurly holds by the merchant's own ledger, what Klaviyo
holds by its stored events. Then the metrics that are sent only when asked for, counted in the same
way. Last, the product's own audit of it all.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business import DUNNING, LIFECYCLE, METRICS, REMINDERS
from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from recurly_klaviyo_sandbox.business import ExpectedEvent

ACCOUNTS = 400
HISTORY = timedelta(days=365)
WEEK = timedelta(days=7)
OUTPUT = Path("output/demo")
# Whatever `.env` says is meant for real accounts: settings in it would make another demo.
MELTANO = ("meltano", "--environment=sandbox", f"--env-file={os.devnull}", "run")
SYNC = (*MELTANO, "tap-recurly", "target-klaviyo")
RESYNC = (*MELTANO, "--full-refresh", "tap-recurly", "target-klaviyo")
AUDIT = (*MELTANO, "--full-refresh", "--no-state-update", "audit")
MORE_METRICS = (*LIFECYCLE, *DUNNING, *REMINDERS)
MORE = {
    "TARGET_KLAVIYO_TRANSFORM_CONFIG": json.dumps(
        {"metrics": ["+lifecycle", "+dunning", "+reminders"]}
    )
}


def main(accounts: int = ACCOUNTS) -> int:
    """Tell the story in the current directory, a Meltano project; 0 when both sides agree."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    _say(f"A merchant: {accounts} customers and {HISTORY.days} days of history.")
    with Sandbox(accounts=accounts, days=HISTORY.days, behind=WEEK) as sandbox:
        agreed = _native_metrics(sandbox) and _more_metrics(sandbox)
        _say("\nThe audit, which asks Klaviyo's API what is there")
        audited = _run(sandbox, AUDIT, "audit", MORE)
        feed = OUTPUT / "activity-feed.html"
        feed.write_text(sandbox.klaviyo.feed(), encoding="utf-8")
    _say(f"\nThe audit's report:        {OUTPUT / 'audit.html'}")
    _say(f"Klaviyo's activity feed:   {feed}")
    return 0 if agreed and audited else 1


def _native_metrics(sandbox: Sandbox) -> bool:
    """What is sent by default: all of the history, then a week."""
    if not _sync(sandbox, "All of the history", "history"):
        return False
    sandbox.advance(WEEK)
    if not _sync(sandbox, "A week later, what changed", "week"):
        return False
    ledger = sandbox.ledger
    expected = ledger.events(sandbox.clock.now())
    return _compare(sandbox, METRICS, expected, rightly_told=ledger.taken_back)


def _more_metrics(sandbox: Sandbox) -> bool:
    """What is sent when asked for; each from its first day on, since all is read again."""
    before = sandbox.business.reminders(sandbox.clock.now())
    story = "Lifecycle, dunning and reminders, switched on"
    if not _sync(sandbox, story, "more-metrics", RESYNC, MORE):
        return False
    now = sandbox.clock.now()
    after = sandbox.business.reminders(now)
    # What fell due or passed while the command ran may have been told or not.
    reminders = {key: after[key] for key in before.keys() & after.keys()}
    expected = sandbox.ledger.events(now, (*LIFECYCLE, *DUNNING)) | reminders
    return _compare(sandbox, MORE_METRICS, expected, rightly_told={*before, *after})


def _sync(
    sandbox: Sandbox,
    story: str,
    name: str,
    command: tuple[str, ...] = SYNC,
    settings: Mapping[str, str] | None = None,
) -> bool:
    _say(f"\n{story}")
    for setting, value in (settings or {}).items():
        _say(f"  $ export {setting}={shlex.quote(value)}")
    before = sum(sandbox.klaviyo.metric_counts().values())
    done = _run(sandbox, command, name, settings or {})
    new = sum(sandbox.klaviyo.metric_counts().values()) - before
    _say(f"  {new:,} new events in Klaviyo")
    return done


def _run(
    sandbox: Sandbox, command: tuple[str, ...], name: str, settings: Mapping[str, str]
) -> bool:
    """Run a command against the sandbox's ports, with STATE, rejects and report of its own."""
    log = OUTPUT / f"{name}.log"
    _say(f"  $ {shlex.join(command)}")
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as lines:
        done = subprocess.run(  # noqa: S603  (this project's own command)
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            env={**environment(sandbox, OUTPUT.absolute()), **settings},
            stdout=lines,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode == 0:
        _say(f"  done in {time.monotonic() - started:.0f} s (log: {log})")
        return True
    _say(f"  failed; the end of {log}:\n")
    _say("\n".join(log.read_text(encoding="utf-8").splitlines()[-15:]))
    return False


def environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """What a command sees that keeps its files in `folder`: the sandbox's addresses and no others.

    Real keys and proxies are kept away by Meltano's environment `sandbox`.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_RECURLY_", "TARGET_KLAVIYO_"))
    }
    return {
        **kept,
        "TAP_RECURLY_API_URL": sandbox.recurly_url,
        "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        "TARGET_KLAVIYO_REJECTS_PATH": str(folder / "rejected.singer"),
        "TARGET_KLAVIYO_REPORT_PATH": str(folder / "audit.html"),
        # No `as_uri`: Meltano takes the path as it stands, percent signs and all.
        "MELTANO_STATE_BACKEND_URI": f"file://{folder / 'state'}",
        "NO_COLOR": "1",
    }


def _compare(
    sandbox: Sandbox,
    metrics: Collection[str],
    expected: Mapping[str, ExpectedEvent],
    *,
    rightly_told: Collection[str],
) -> bool:
    """Print both sides by metric, and whether they agree event by event.

    `rightly_told` are unique ids of what Recurly showed at one time and does not show at another.
    """
    held = Counter(event.metric for event in expected.values())
    found = sandbox.klaviyo.metric_counts()
    _say(f"\n{'Metric':<22}{'Recurly holds':>15}{'Klaviyo holds':>15}")
    for metric in metrics:
        _say(f"{metric:<22}{held[metric]:>15,}{found.get(metric, 0):>15,}")
    triggered = len(sandbox.klaviyo.flows_triggered)
    _say(f"Profiles: {len(sandbox.klaviyo.profiles()):,}.")
    _say(
        f"Flows triggered: {triggered:,}, all by events of the last days; "
        f"{sum(found.values()) - triggered:,} events are history and sent no e-mail."
    )
    stored = {event.unique_id for event in sandbox.klaviyo.events() if event.metric in metrics}
    missing = expected.keys() - stored
    unexpected = stored - expected.keys()
    changed = len(unexpected.intersection(rightly_told))
    agreed = not missing and changed == len(unexpected)
    if changed:
        _say(f"{changed} of Klaviyo's were true when they were sent, and are not any more.")
    _say("Both sides agree." if agreed else f"{len(missing)} missing, {len(unexpected)} too many!")
    return agreed


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
