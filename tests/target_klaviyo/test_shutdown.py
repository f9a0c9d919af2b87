"""Signals at random moments: no STATE ahead of its rows, and a rerun completes the data."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

STATE_EVERY = 400


def feed(process: subprocess.Popen[bytes], content: bytes) -> None:
    """Write all of `content`, unless the reader dies before."""
    with contextlib.suppress(BrokenPipeError), process.stdin or contextlib.nullcontext() as pipe:
        if pipe is not None:
            pipe.write(content)


def run(site: Site, content: bytes, signum: int | None, after: float) -> tuple[int, list[int]]:
    """Exit code and STATE values of a run that gets a signal `after` so many seconds, if any."""
    with site.start(max_reject_percent=100) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        feeder = threading.Thread(target=feed, args=(process, content))
        feeder.start()
        log = process.stderr.readline()  # Python has started, and with it the target
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=after if signum is not None else 60)
        if process.poll() is None and signum is not None:
            process.send_signal(signum)
        output = process.stdout.read()
        log += process.stderr.read()
        feeder.join()
        assert b"Traceback" not in log, log.decode()
        return process.wait(timeout=30), [json.loads(line) for line in output.splitlines()]


def messages(sample: Samples, rows: int) -> list[dict[str, Any]]:
    """Events, profiles and a few bad rows; a STATE counts the messages before it."""
    found = [sample.schema("events"), sample.schema("profiles")]
    for number in range(rows):
        if number % 50 == 7:
            found.append(sample.record("events", sample.event(number, metric="")))
        elif number % 10 == 3:
            found.append(sample.record("profiles", sample.profile(number)))
        else:
            found.append(sample.record("events", sample.event(number)))
        if number % STATE_EVERY == STATE_EVERY - 1:
            found.append(sample.state(len(found) + 1))
    return found


def assert_covered(site: Site, done: list[dict[str, Any]]) -> None:
    """Every row among `done` is stored or rejected."""
    stored = {seen.unique_id for seen in site.account.events()}
    imported = {each.email for each in site.account.profiles()}
    rejected = {message["record"]["unique_id"] for message in site.rejects()}
    for message in done:
        if message["type"] != "RECORD":
            continue
        row = message["record"]
        if "unique_id" not in row:
            assert row["email"] in imported
        elif row["metric"]:
            assert row["unique_id"] in stored
            assert row["unique_id"] not in rejected
        else:
            assert row["unique_id"] in rejected


def interrupt_and_rerun(site: Site, sample: Samples, signum: int, seed: int, rows: int) -> None:
    """One interrupted run, then another from its STATE to the end."""
    chance = random.Random(seed)  # noqa: S311  (moments, not secrets)
    site.account.network.latency = chance.choice([0.0, 0.02, 0.2])
    everything = messages(sample, rows)
    code, states = run(site, sample.lines(everything), signum, chance.uniform(0.0, 1.2))
    assert code in {0, -signum, 128 + signum}
    assert states == sorted(states)
    reached = states[-1] if states else 0
    assert_covered(site, everything[:reached])
    rest = [*everything[:2], *everything[reached:]]
    code, states = run(site, sample.lines(rest), None, 0)
    assert code == 0
    assert_covered(site, everything)
    good = sum(
        "unique_id" in m.get("record", {}) and m["record"]["metric"] != "" for m in everything
    )
    assert len(site.account.events()) == good


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_loses_nothing(site: Site, sample: Samples, signum: int) -> None:
    """After a signal at a random moment and a rerun, exactly the expected rows are there."""
    interrupt_and_rerun(site, sample, signum, seed=signum, rows=4_000)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(200))
def test_no_moment_to_interrupt_is_a_bad_one(site: Site, sample: Samples, seed: int) -> None:
    """200 moments, three signals."""
    signum = [signal.SIGTERM, signal.SIGINT, signal.SIGKILL][seed % 3]
    interrupt_and_rerun(site, sample, signum, seed, rows=12_000)


def test_state_does_not_wait_for_more_input(site: Site, sample: Samples) -> None:
    """While the input is silent, what came is sent and its STATE printed."""
    with site.start() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sample.lines(site.messages("events", [sample.event(1)])))
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"done": 1}
        process.kill()


def test_a_signal_while_waiting_for_input_prints_what_is_covered(
    site: Site, sample: Samples
) -> None:
    """Rows read so far are sent, their STATE printed, and the exit code tells the signal."""
    rows = [sample.event(number) for number in range(12)]
    process = site.start(batch_size_rows=10)
    assert process.stdin is not None
    process.stdin.write(sample.lines(site.messages("events", rows)))
    process.stdin.flush()
    site.recorder.wait_for("event-bulk-create-jobs")  # the first ten; two more have been read
    process.send_signal(signal.SIGINT)
    output, log = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert json.loads(output) == {"done": 12}
    assert len(site.account.events()) == 12
    last = log.decode().splitlines()[-1]
    assert last.startswith("Stopped by SIGINT before the end. Nothing is lost: ")
    assert "Run it again" in last


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_python_is_loading_ends_it_quietly(site: Site, signum: int) -> None:
    """Before anything is read a signal ends the process at once, without a word on stderr."""
    program = (
        "import os, signal, sys, threading; from target_klaviyo.__main__ import main; "
        f"threading.Timer(0.05, os.kill, (os.getpid(), {signum})).start(); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=site.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signum, b"", b"")


def test_the_rate_limit_does_not_delay_the_end_on_a_signal(site: Site, sample: Samples) -> None:
    """With the budget used up, a signal ends the run within 20 s, at the last covered STATE."""
    site.account.options.limits = True
    site.account.network.latency = 0.01
    found = [sample.schema("events")]
    for number in range(3000):
        found += [sample.record("events", sample.event(number))]
        if number % 100 == 99:
            found.append(sample.state(len(found) + 1))
    process = site.start(batch_size_rows=10)
    feeder = threading.Thread(target=feed, args=(process, sample.lines(found)))
    feeder.start()
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    output = process.stdout.read()
    process.wait(timeout=25)
    feeder.join()
    process.stdout.close()
    if process.stderr is not None:
        process.stderr.close()
    assert process.returncode == 128 + signal.SIGTERM
    states = [first, *map(json.loads, output.splitlines())]
    assert_covered(site, found[: states[-1]])
    assert site.requests(status=429) == 0


def test_nobody_reading_the_states_ends_the_run_with_a_sentence(
    site: Site, sample: Samples
) -> None:
    """When the reader of STATE is gone, the last line on stderr says so, and nothing follows it."""
    process = site.start()
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, log = process.communicate(
        sample.lines(site.messages("events", [sample.event(1)])), timeout=30
    )
    assert process.returncode == 1
    assert "nobody reads it any more" in log.decode().splitlines()[-1]
