"""`make demo`: the whole way from Recurly to Klaviyo, told on a terminal.

A merchant with a year of history, the real `meltano run`, a week that passes, the same command
again, and then both sides counted: what Recurly holds by the merchant's own ledger, what Klaviyo
holds by its stored events. Last, the product's own audit of the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.ledger import METRICS
from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = 400
HISTORY = timedelta(days=365)
WEEK = timedelta(days=7)
OUTPUT = Path("output/demo")
MELTANO = ("meltano", "--environment=sandbox", "run")
SYNC = (*MELTANO, "tap-recurly", "target-klaviyo")
AUDIT = (*MELTANO, "--full-refresh", "--no-state-update", "audit")


def main() -> int:
    """Tell the story in the current directory, a Meltano project; 0 when both sides agree."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    _say(f"A merchant: {ACCOUNTS} customers and {HISTORY.days} days of history.")
    sandbox = Sandbox(accounts=ACCOUNTS, days=HISTORY.days, behind=WEEK)
    with sandbox:
        if not _sync(sandbox, "All of the history", "history"):
            return 1
        sandbox.advance(WEEK)
        if not _sync(sandbox, "A week later, what changed", "week"):
            return 1
        agreed = _compare(sandbox)
        _say("\nThe audit, which asks Klaviyo's API what is there")
        audited = _run(sandbox, AUDIT, "audit")
        feed = OUTPUT / "activity-feed.html"
        feed.write_text(sandbox.klaviyo.feed(), encoding="utf-8")
    _say(f"\nThe audit's report:        {OUTPUT / 'audit.html'}")
    _say(f"Klaviyo's activity feed:   {feed}")
    return 0 if agreed and audited else 1


def _sync(sandbox: Sandbox, story: str, name: str) -> bool:
    _say(f"\n{story}")
    before = sum(sandbox.klaviyo.metric_counts().values())
    done = _run(sandbox, SYNC, name)
    new = sum(sandbox.klaviyo.metric_counts().values()) - before
    _say(f"  {new:,} new events in Klaviyo")
    return done


def _run(sandbox: Sandbox, command: tuple[str, ...], name: str) -> bool:
    """Run a command against the sandbox's ports, with STATE, rejects and report of its own."""
    log = OUTPUT / f"{name}.log"
    _say(f"  $ {' '.join(command)}")
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as lines:
        done = subprocess.run(  # noqa: S603  (this project's own command)
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            env=environment(sandbox, OUTPUT.absolute()),
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


def _compare(sandbox: Sandbox) -> bool:
    """Print both sides by metric, and whether they agree event by event."""
    stored = {event.unique_id: event for event in sandbox.klaviyo.events()}
    expected = sandbox.ledger.events(sandbox.clock.now())
    taken_back = sandbox.ledger.taken_back
    held = sandbox.ledger.counts()
    found = sandbox.klaviyo.metric_counts()
    _say("")
    for row in _table(held, found):
        _say(row)
    triggered = len(sandbox.klaviyo.flows_triggered)
    _say(f"Profiles: {len(sandbox.klaviyo.profiles()):,}.")
    _say(
        f"Flows triggered: {triggered:,}, all by events of the last days; "
        f"{len(stored) - triggered:,} events are history and sent no e-mail."
    )
    missing = expected.keys() - stored.keys()
    unexpected = stored.keys() - expected.keys() - taken_back
    agreed = not missing and not unexpected
    returned = len(stored.keys() & taken_back)
    if returned:
        _say(f"{returned} payments came back from the bank after they had been reported as paid.")
    _say("Both sides agree." if agreed else f"{len(missing)} missing, {len(unexpected)} too many!")
    return agreed


def _table(held: dict[str, int], found: dict[str, int]) -> Iterator[str]:
    yield f"{'Metric':<20}{'Recurly holds':>15}{'Klaviyo holds':>15}"
    for metric in METRICS:
        yield f"{metric:<20}{held[metric]:>15,}{found.get(metric, 0):>15,}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
