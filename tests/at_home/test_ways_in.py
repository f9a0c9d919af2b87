"""The plugins in somebody else's Meltano project: what people do there, by Meltano's own commands.

Adding them is the subject of test_existing_project.py; here they are there already.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.at_home.meltano_project import Project
    from tests.at_home.warehouses import DuckDB, Postgres

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]

BIN = Path(sys.executable).parent
RUN = ("run", "tap-recurly", "target-klaviyo")
JSONL: dict[str, Any] = {
    "name": "target-jsonl",
    "namespace": "target_jsonl",
    "pip_url": "target-jsonl==0.1.4",
    "settings": [{"name": "destination_path"}],
    "config": {"destination_path": "rows"},
}
DOCS = Path(__file__).parents[2] / "docs"
WAREHOUSE = DOCS / "warehouse.md"


def _printed(page: Path, heading: str, kind: str) -> list[str]:
    """The blocks of a kind that a page prints below a heading."""
    _, found, rest = page.read_text().partition(f"\n## {heading}\n")
    assert found, heading
    return re.findall(rf"```{kind}\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)


@pytest.fixture
def both(project: Project) -> Project:
    """A project with both plugins."""
    project.write(
        {
            "extractors": [project.definition("tap-recurly")],
            "loaders": [project.definition("target-klaviyo")],
        }
    )
    return project


def _merchant(seed: int = 1) -> Sandbox:
    return Sandbox(accounts=30, days=120, seed=seed, behind=timedelta(days=10))


def _stored(sandbox: Sandbox) -> set[str]:
    return {event.unique_id or "" for event in sandbox.klaviyo.events()}


def _expected(sandbox: Sandbox) -> set[str]:
    return {*sandbox.ledger.events(sandbox.clock.now())}


def test_only_the_tap_fills_a_warehouse(project: Project, warehouse: DuckDB | Postgres) -> None:
    """The loaders, selection, commands and query of docs/warehouse.md do what the page says."""
    section = "In a Meltano project"
    loaders, selection = map(yaml.safe_load, _printed(WAREHOUSE, section, "yaml"))
    loader = next(one for one in loaders["loaders"] if one["name"] == warehouse.loader)
    loader["config"] = warehouse.settings
    project.write(
        {"extractors": [project.definition("tap-recurly") | selection], "loaders": [loader]}
    )
    (run,) = _printed(WAREHOUSE, section, "sh")
    (again,) = _printed(WAREHOUSE, "What is deleted where", "sh")
    (query,) = _printed(WAREHOUSE, section, "sql")
    with _merchant() as sandbox:
        project.variables = project.keys(sandbox)
        for commands in (run, again.replace("billing_infos", "invoices")):
            project.shell(commands.replace("target-duckdb", warehouse.loader))
            (found,) = warehouse.rows("SELECT count(*) AS number FROM tap_recurly.invoices")
            assert found["number"] == len(sandbox.recurly.store.ids("invoices"))
        assert len(warehouse.rows(query)) == len(sandbox.recurly.store.ids("subscriptions"))


def test_only_the_tap_leaves_personal_data_out_of_files(project: Project) -> None:
    """With the page's selection, no address, e-mail or name of a customer is in what arrives."""
    (selection,) = map(yaml.safe_load, _printed(WAREHOUSE, "Personal data", "yaml"))
    project.write(
        {"extractors": [project.definition("tap-recurly") | selection], "loaders": [JSONL]}
    )
    (project.folder / "rows").mkdir()
    with _merchant() as sandbox:
        project.variables = project.keys(sandbox)
        project.run("run", "tap-recurly", "target-jsonl")
        accounts = sandbox.business.registry.accounts()
    written = "".join(path.read_text() for path in (project.folder / "rows").iterdir())
    assert all(account.id in written for account in accounts)
    for account in accounts:
        for personal in (account.email, account.last_name):
            assert not personal or json.dumps(personal) not in written


def test_only_the_target_takes_rows_from_anywhere(project: Project) -> None:
    """Without the tap, rows that something else has written reach Klaviyo."""
    target = project.definition("target-klaviyo")
    project.write({"loaders": [target | {"config": {}}]})
    row = {
        "metric": "Read an Article",
        "unique_id": "article-1",
        "time": "2026-01-31T12:00:00Z",
        "profile": {"email": "ada@shop.io"},
    }
    lines = [
        {"type": "SCHEMA", "stream": "events", "schema": {"properties": {}}, "key_properties": []},
        {"type": "RECORD", "stream": "events", "record": row},
    ]
    (project.folder / "rows.singer").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    with Sandbox(accounts=1, days=1) as sandbox:
        project.variables = project.keys(sandbox)
        project.run("install")
        with (project.folder / "rows.singer").open() as rows:
            subprocess.run(
                [BIN / "meltano", "invoke", "target-klaviyo"],
                cwd=project.folder,
                env=project.environment,
                stdin=rows,
                check=True,
            )
        assert _stored(sandbox) == {"article-1"}


def test_two_sites_feed_one_klaviyo_account(both: Project) -> None:
    """As docs/your-project.md prints it: both sites' events, each site's plans, and its audit."""
    page, section = DOCS / "your-project.md", "Two sites in one Klaviyo account"
    (added,) = map(yaml.safe_load, _printed(page, section, "yaml"))
    (commands,) = _printed(page, section, "sh")
    project = yaml.safe_load((both.folder / "meltano.yml").read_text())
    for kind, plugins in added["plugins"].items():
        project["plugins"][kind] += plugins
    with _merchant() as first, _merchant(seed=2) as eu:
        project["plugins"]["extractors"][1]["config"]["api_url"] = eu.recurly_url
        (both.folder / "meltano.yml").write_text(yaml.safe_dump(project, sort_keys=False))
        both.variables = both.keys(first) | {"RECURLY_EU_API_KEY": eu.recurly.api_key}
        both.run("install")
        for _ in range(2):
            both.shell(commands)
            assert _stored(first) == _expected(first) | _expected(eu)
        told = {name for profile in first.klaviyo.profiles() for name in profile.properties}
        assert told >= {"Recurly Plans", "Recurly Plans EU"}
        sites = {event.properties["Recurly Site"] for event in first.klaviyo.events()}
        assert sites == {"us", "eu"}
        states = both.run("state", "list")
        assert "dev:tap-recurly-to-target-klaviyo\n" in states
        assert "dev:tap-recurly-eu-to-target-klaviyo-eu\n" in states


def test_two_machines_share_a_state_backend(both: Project, tmp_path: Path) -> None:
    """Where one machine has stopped, another goes on: nothing is read or sent again."""
    elsewhere = type(both)(tmp_path / "elsewhere")
    elsewhere.folder.mkdir()
    (elsewhere.folder / "meltano.yml").write_text((both.folder / "meltano.yml").read_text())
    with _merchant() as sandbox:
        shared = {"MELTANO_STATE_BACKEND_URI": (tmp_path / "shared").as_uri()}
        both.variables = elsewhere.variables = both.keys(sandbox) | shared
        both.run(*RUN)
        sent = len(sandbox.klaviyo.events())
        sandbox.advance(timedelta(days=5))
        said = elsewhere.run(*RUN)
        assert _stored(sandbox) == _expected(sandbox)
        assert _sent(said) < sent / 4


def test_cron_runs_it_every_hour(both: Project) -> None:
    """The line for cron works with nothing in the environment but what cron gives."""
    line = (
        "0 * * * *  cd PROJECT && meltano run tap-recurly target-klaviyo >> output/hourly.log 2>&1"
    )
    with _merchant() as sandbox:
        settings = both.keys(sandbox) | {"PATH": "/usr/bin:/bin"}
        (both.folder / ".env").write_text(
            "".join(f"{name}={value}\n" for name, value in both.keys(sandbox).items())
        )
        both.run("install")
        (both.folder / "output").mkdir()
        command = line.split("  ", 1)[1].replace("PROJECT", str(both.folder))
        command = command.replace("&& meltano", f"&& {BIN / 'meltano'}")
        for _ in range(2):
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                env={"PATH": settings["PATH"], "HOME": str(both.folder), "SHELL": "/bin/sh"},
                check=False,
            )
            log = (both.folder / "output" / "hourly.log").read_text()
            assert done.returncode == 0, log
        assert _stored(sandbox) == _expected(sandbox)
        assert sandbox.klaviyo.api_key not in log


def test_an_upgrade_goes_on_from_the_last_state(both: Project) -> None:
    """Installed anew, the plugins read on where the version before has stopped."""
    with _merchant() as sandbox:
        both.variables = both.keys(sandbox)
        both.run(*RUN)
        sent = len(sandbox.klaviyo.events())
        both.run("install", "--clean")
        sandbox.advance(timedelta(days=5))
        said = both.run(*RUN)
        assert _stored(sandbox) == _expected(sandbox)
        assert _sent(said) < sent / 4


def test_a_full_refresh_doubles_nothing(both: Project) -> None:
    """Everything is read and sent again, and every event is there once."""
    with _merchant() as sandbox:
        both.variables = both.keys(sandbox)
        both.run(*RUN)
        both.run(RUN[0], "--full-refresh", *RUN[1:])
        assert len(sandbox.klaviyo.events()) == len(_expected(sandbox))
        assert _stored(sandbox) == _expected(sandbox)


def test_one_stream_can_be_read_again_alone(both: Project) -> None:
    """A full refresh of one stream, merged into the STATE, leaves the others' bookmarks."""
    state = ("state", "get", "dev:tap-recurly-to-target-klaviyo")
    with _merchant() as sandbox:
        both.variables = both.keys(sandbox)
        both.run(*RUN)
        lost = [one for one in _expected(sandbox) if one.startswith("recurly-txn-")]
        assert sandbox.klaviyo.delete_events(lost) == len(lost) > 0
        before = both.run(*state)
        said = both.run(
            *(RUN[0], "--full-refresh", "--state-strategy", "merge", *RUN[1:]),
            TAP_RECURLY__SELECT_FILTER='["transactions"]',
        )
        assert "invoices: " not in said
        assert _stored(sandbox) == _expected(sandbox)
        bookmarks, old = (
            json.loads(text[text.index("{") :]) for text in (both.run(*state), before)
        )
        assert bookmarks.keys() == old.keys()
        unchanged = ("invoices", "account_snapshots")
        kept, had = (one["singer_state"]["bookmarks"] for one in (bookmarks, old))
        assert [kept[name] for name in unchanged] == [had[name] for name in unchanged]


def _sent(said: str) -> int:
    """How many events a run says to have sent."""
    (number,) = re.findall(r"([\d,]+) events", said)[-1:]
    return int(number.replace(",", ""))
