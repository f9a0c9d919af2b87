"""The command line as Meltano and people use it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_recurly.settings import SETTINGS_SCHEMA
from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Answer, Run, TinyRecurly

COMMAND = str(Path(sys.executable).with_name("tap-recurly"))
README = Path(__file__).parents[2] / "tap-recurly" / "README.md"


def test_check_says_what_was_found(site: TinyRecurly, tap: Callable[..., Run]) -> None:
    """`--check` names the site, its currency, the records per stream and the request budget."""
    site.put(
        "/sites", "s", subdomain="shop", mode="production", settings={"default_currency": "EUR"}
    )
    site.fill("/invoices", 12)

    def limited(_method: str, path: str, _params: dict[str, str]) -> Answer | None:
        return (403, {}, b"") if path == "/plans" else None

    site.before = limited
    run = tap("--check", subdomain="shop")
    assert run.code == 0, run.stderr
    for words in ("shop (production, EUR)", "invoices 12", "region us", "cannot read: plans"):
        assert words in run.stdout


def test_test_reads_one_record_of_each_stream(site: TinyRecurly, tap: Callable[..., Run]) -> None:
    """`--test` costs a page per stream, and twenty parents at most, however large the site."""
    for path in list(site.lists):
        site.fill(path, 1_000)
    for index in range(2):
        site.lists[f"/accounts/accounts-{index}/subscriptions"] = {}
    run = tap("--test")
    assert run.code == 0, run.stderr
    assert len(run.records("invoices")) == 1
    lists = [path for _, path, _ in site.requests if path.count("/") == 1]
    assert len(lists) == len(STREAMS)
    assert len(site.requests) <= len(lists) + 20 * len(STREAMS)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(site: TinyRecurly, tmp_path: Path, how: signal.Signals) -> None:
    """A signal ends the run at once, with a sentence and an exit code that is no success."""
    site.fill("/accounts", 1)
    config = tmp_path / "config.json"
    config.write_text(f'{{"api_key": "a-private-key", "api_url": "{site.url}"}}', encoding="utf-8")
    site.before = lambda *_: (429, {"Retry-After": "60"}, b"")
    with subprocess.Popen(
        [COMMAND, "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not site.asked():
            pass
        process.send_signal(how)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + how
    assert "stopped by a signal" in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_reader_that_goes_away(site: TinyRecurly, tmp_path: Path) -> None:
    """When the target dies the tap ends with a sentence, not with a broken pipe's traceback."""
    site.fill("/accounts", 5_000)
    config = tmp_path / "config.json"
    config.write_text(f'{{"api_key": "a-private-key", "api_url": "{site.url}"}}', encoding="utf-8")
    with subprocess.Popen(
        [COMMAND, "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "Nobody reads" in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_readme_names_every_setting_and_its_default() -> None:
    """The README's table of settings is complete."""
    text = README.read_text(encoding="utf-8")
    for name, definition in SETTINGS_SCHEMA["properties"].items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` "))
        assert str(definition.get("default", "")) in row
