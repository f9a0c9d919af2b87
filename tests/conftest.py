"""What the end-to-end tests share: the real commands, and both sides held against each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
TESTS_BEGAN = int(time.time())
AS_TYPED = datetime(2200, 1, 1, tzinfo=timezone.utc)
"""Later than any time a merchant types: the ledger then caps nothing."""

SERVERS = frozenset({"site", "server", "sandbox", "merchant", "shop", "_merchant", "_sandbox"})
"""Fixtures that start a server of either service."""

PROCESSES = frozenset({"meltano", "pipeline", "forker", "tap_runs", "project", "start", "runner"})
"""Fixtures that start the commands."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a server or a process is slow; so are tests that say it of themselves."""
    for item in items:
        if (SERVERS | PROCESSES).intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@dataclass
class Meltano:
    """The real `meltano`, in this project, against a sandbox, with STATE and rejects of its own."""

    sandbox: Sandbox
    folder: Path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a meltano command to its end; stdout and stderr come together, as users see them."""
        return subprocess.run(
            [BIN / "meltano", *arguments],
            cwd=ROOT,
            env=self._environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )

    def run_and_kill(self, *arguments: str, after: float) -> bool:
        """Start a meltano command and kill all its processes after so many seconds.

        Returns whether it was still running.
        """
        process = subprocess.Popen(
            [BIN / "meltano", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        return False

    def kept_state(self) -> str:
        """All that Meltano remembers of finished runs."""
        kept = sorted((self.folder / "state").rglob("state.json"))
        return "".join(state.read_text() for state in kept)

    @property
    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAP_RECURLY_", "TARGET_KLAVIYO_", "MELTANO_"))
        }
        return inherited | {
            "TAP_RECURLY_API_KEY": self.sandbox.recurly.api_key,
            "TAP_RECURLY_API_URL": self.sandbox.recurly_url,
            "TARGET_KLAVIYO_API_KEY": self.sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": self.sandbox.klaviyo_url,
            "TARGET_KLAVIYO_REJECTS_PATH": str(self.folder / "rejected.singer"),
            "MELTANO_STATE_BACKEND_URI": (self.folder / "state").as_uri(),
            # A killed run counts as running for minutes: no other test should find it.
            "MELTANO_RUN_STATE_ID_SUFFIX": self.folder.name,
            "NO_COLOR": "1",
        }


@pytest.fixture
def meltano(tmp_path: Path) -> Callable[[Sandbox], Meltano]:
    """Builds a `Meltano` for a sandbox."""
    return lambda sandbox: Meltano(sandbox, tmp_path)


@dataclass
class Pipeline:
    """`tap-recurly | target-klaviyo` without Meltano: STATE kept in a file between runs.

    `tap` and `target` are settings beside those that every run needs. `klaviyo` is the account to
    write to where it is another sandbox's.
    """

    sandbox: Sandbox
    folder: Path
    tap: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    klaviyo: Sandbox | None = None
    processes: tuple[subprocess.Popen[bytes], ...] = ()

    def start(self, *, measured: bool = False, mode: str = "write") -> None:
        """Start both commands: on the last STATE, or over everything where it is to be compared."""
        klaviyo = self.klaviyo or self.sandbox
        self._write(
            "tap.json",
            api_key=self.sandbox.recurly.api_key,
            api_url=self.sandbox.recurly_url,
            **self.tap,
        )
        self._write(
            "target.json",
            api_key=klaviyo.klaviyo.api_key,
            api_url=klaviyo.klaviyo_url,
            transform="recurly",
            rejects_path=str(self.folder / "rejected.singer"),
            report_path=str(self.folder / "audit.html"),
            mode=mode,
            **self.target,
        )
        tap_command = self._command("tap-recurly", "tap.json", measured=measured)
        target_command = self._command("target-klaviyo", "target.json", measured=measured)
        if mode == "write" and self._state.exists():
            tap_command += ["--state", self._state]
        catalog = self.folder / "catalog.json"
        if not catalog.exists():
            catalog.write_text(json.dumps(self._catalog()))
        tap_command += ["--catalog", "catalog.json"]
        with self._open("tap.log") as tap_log, self._open("target.log") as target_log:
            tap = subprocess.Popen(
                tap_command, cwd=self.folder, stdout=subprocess.PIPE, stderr=tap_log
            )
            with self._open("states") as states:
                target = subprocess.Popen(
                    target_command,
                    cwd=self.folder,
                    stdin=tap.stdout,
                    stdout=states,
                    stderr=target_log,
                )
        assert tap.stdout is not None
        tap.stdout.close()
        self.processes = (tap, target)

    def kill_after(self, seconds: float) -> bool:
        """Kill both after so many seconds; returns whether the target was still running."""
        tap, target = self.processes
        try:
            target.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            for process in self.processes:
                process.kill()
        running = target.wait() == -signal.SIGKILL
        tap.wait()
        self.keep_state()
        return running

    def finish(self) -> tuple[int, int]:
        """Wait for both; their exit codes."""
        codes = [process.wait(timeout=180) for process in self.processes]
        self.keep_state()
        return codes[0], codes[1]

    def run(self, mode: str = "write") -> None:
        """One run to its end, which must be a good one."""
        self.start(mode=mode)
        assert self.finish() == (0, 0), self.said()

    def said(self) -> str:
        """The end of what the target logged in the last run."""
        return (self.folder / "target.log").read_text()[-3000:]

    def report(self) -> Any:
        """What the last audit found."""
        return json.loads((self.folder / "audit.json").read_text())

    def forget(self, stream: str) -> None:
        """Let the next run read a stream from its beginning."""
        state = json.loads(self._state.read_bytes())
        del state["bookmarks"][stream]
        self._state.write_text(json.dumps(state))

    def peak_megabytes(self) -> dict[str, int]:
        """The most memory each command of a measured, finished run held."""
        return {report.stem: int(report.read_text()) for report in self.folder.glob("*.megabytes")}

    def keep_state(self) -> None:
        """Keep the last STATE the target printed in full for the next start."""
        *lines, unfinished = (self.folder / "states").read_bytes().split(b"\n")
        assert unfinished == b"" or unfinished.startswith(b"{")
        if lines:
            self._state.write_bytes(lines[-1])

    @staticmethod
    def _command(name: str, config: str, *, measured: bool) -> list[str | Path]:
        command: list[str | Path] = [BIN / name, "--config", config]
        launcher: list[str | Path] = [
            sys.executable,
            Path(__file__).with_name("peak_memory.py"),
        ]
        return [*launcher, f"{name}.megabytes", *command] if measured else command

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def _catalog(self) -> Any:
        discovered = subprocess.run(
            [BIN / "tap-recurly", "--config", "tap.json", "--discover"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        catalog = json.loads(discovered.stdout)
        for stream in catalog["streams"]:
            if stream["tap_stream_id"] not in {"invoices", "transactions", "account_snapshots"}:
                for entry in stream["metadata"]:
                    entry["metadata"]["selected"] = False
        return catalog

    def _write(self, name: str, **config: Any) -> None:
        (self.folder / name).write_text(json.dumps(config))

    def _open(self, name: str) -> Any:
        return (self.folder / name).open("wb")


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[[Sandbox], Pipeline]:
    """Builds a `Pipeline` for a sandbox."""
    return lambda sandbox: Pipeline(sandbox, tmp_path)


@pytest.fixture
def assert_sides_agree() -> Callable[[Sandbox], None]:
    """Asserts that Klaviyo holds exactly what the merchant's ledger says, no more, no less."""

    def check(sandbox: Sandbox) -> None:
        _assert_events_agree(sandbox)
        _assert_profiles_agree(sandbox)

    return check


def _assert_events_agree(sandbox: Sandbox) -> None:
    expected = sandbox.ledger.events(AS_TYPED)
    stored = sandbox.klaviyo.events()
    found = {event.unique_id or "": event for event in stored}
    assert len(found) == len(stored), "an event is stored twice"
    assert expected.keys() - found.keys() == set(), "events are missing"
    assert found.keys() - expected.keys() - sandbox.ledger.taken_back == set(), "too many events"
    for unique_id, fact in expected.items():
        event = found[unique_id]
        assert event.metric == fact.metric
        assert event.time in {int(moment.timestamp()) for moment in fact.times} or (
            fact.time.timestamp() > event.time >= TESTS_BEGAN
        ), "neither a time the fact has had, nor the present in place of a typed future one"
        assert event.value == pytest.approx(fact.value)
        assert event.value_currency == fact.currency
        assert event.properties["Recurly ID"] == fact.recurly_id
        assert event.properties["Account Code"] == fact.account_code


def _assert_profiles_agree(sandbox: Sandbox) -> None:
    """Every person has one profile, known by anchor and address, that shows all their accounts."""
    expected = {person.anchor: person for person in sandbox.business.people().values()}
    found = {
        profile.external_id or "": profile
        for profile in sandbox.klaviyo.profiles()
        if "Recurly Account Code" in profile.properties
    }
    assert found.keys() == expected.keys()
    for anchor, person in expected.items():
        profile = found[anchor]
        properties = dict(profile.properties)
        assert (profile.email or "").lower() == (person.email or "")
        assert properties.pop("Recurly Account Code") == person.account_code
        assert properties.pop("Recurly Card Expiration Date", None) == person.card_expiration_date
        assert frozenset(properties.pop("Recurly Plan Codes")) == person.plan_codes
        assert frozenset(properties.pop("Recurly Plans")) == person.plans
        assert properties == {}
