"""Commands and settings that the documents print, run as they are printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.pipelines import BIN, ROOT, Printed, printed, printed_text

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

STREAMS = {"invoices", "transactions", "account_snapshots"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A merchant with two months of history."""
    with Sandbox(accounts=15, days=60) as running:
        yield running


def _state_recipe(readme: str) -> str:
    """The README's lines that keep STATE, with this project's tap and target in them."""
    text = (ROOT / readme).read_text()
    (recipe,) = (
        block for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if "[ -s" in block
    )
    recipe = re.sub(r"export TARGET_KLAVIYO_API_KEY=.*\n", "", recipe)
    recipe = recipe.replace("any-singer-target", "target-klaviyo --config ENV")
    return recipe.replace(
        "some-tap --config tap.json", "tap-recurly --config ENV --catalog catalog.json"
    )


def _run(recipe: str, sandbox: Sandbox, folder: Path, **changed: str) -> int:
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
        "TAP_RECURLY_API_URL": sandbox.recurly_url,
        "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
        "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        "TARGET_KLAVIYO_TRANSFORM": "recurly",
        **changed,
    }
    catalog = folder / "catalog.json"
    if not catalog.exists():
        discover = [str(BIN / "tap-recurly"), "--config", "ENV", "--discover"]
        found: Any = json.loads(subprocess.check_output(discover, env=environment, cwd=folder))
        found["streams"] = [
            stream for stream in found["streams"] if stream["tap_stream_id"] in STREAMS
        ]
        catalog.write_text(json.dumps(found))
    bash = ["/bin/bash", "-c", recipe]
    done = subprocess.run(bash, env=environment, cwd=folder, timeout=120, check=False)
    return done.returncode


@pytest.mark.parametrize("readme", ["tap-recurly/README.md", "target-klaviyo/README.md"])
def test_the_state_recipe_works_from_the_first_run_and_after_a_failed_one(
    readme: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A run that fails leaves a STATE to begin with, a good one the STATE to go on from."""
    recipe = _state_recipe(readme)
    state = tmp_path / "state.json"

    assert _run(recipe, sandbox, tmp_path, TARGET_KLAVIYO_API_KEY="wrong") != 0
    assert json.loads(state.read_text()) == {}

    assert _run(recipe, sandbox, tmp_path) == 0
    assert json.loads(state.read_text())["bookmarks"].keys() >= STREAMS
    expected = sandbox.ledger.events(sandbox.clock.now()).keys()
    assert {event.unique_id for event in sandbox.klaviyo.events()} == expected

    kept = state.read_text()
    assert _run(recipe, sandbox, tmp_path, TAP_RECURLY_API_KEY="wrong") != 0
    assert state.read_text() == kept
    assert _run(recipe, sandbox, tmp_path) == 0


COPIED = ("{}", " {}\t", "{}\u200b", "\u00a0\ufeff {}", "{}\u00ad\u2028")
"""How an address may stand in Recurly."""


def test_who_is_filtered_out_does_not_come_to_klaviyo(sandbox: Sandbox, tmp_path: Path) -> None:
    """The printed filter keeps the people it names out, profile and events, and nobody else.

    However their address is written in Recurly, and in whatever case on either side.
    """
    (prod,) = printed("docs/own-metrics.md", "## Keep somebody out of Klaviyo")["environments"]
    project = prod["config"]
    people = sandbox.business.people().values()
    addresses = sorted(person.email for person in people if person.email)
    left_out, others = addresses[: len(COPIED)], addresses[len(COPIED) :]
    for address, copied in zip(left_out, COPIED, strict=True):
        _rewrite_address(sandbox, address, copied.format(address.title()))
    target = project["plugins"]["loaders"][0]
    target["config"]["stream_map_config"]["left_out"] = [each.upper() for each in left_out]
    run = Printed(project, sandbox, tmp_path)
    run.run()
    arrived = {(profile.email or "").lower() for profile in sandbox.klaviyo.profiles()}
    assert arrived - {""} == {*others}
    assert run.reasons() == []


def _rewrite_address(sandbox: Sandbox, address: str, written: str) -> None:
    """Write the address so wherever Recurly shows it."""
    store = sandbox.recurly.store
    old, new = json.dumps(address), json.dumps(written)
    changed = 0
    for resource in ("accounts", "invoices", "transactions"):
        for record_id in store.ids(resource):
            record = json.dumps(json.loads(store.get(resource, "id", record_id) or b"{}"))
            if old in record:
                store.put(resource, json.loads(record.replace(old, new)))
                changed += 1
    assert changed > 1


@pytest.mark.parametrize(
    ("document", "heading"),
    [
        ("docs/own-metrics.md", "## Keep somebody out of Klaviyo"),
        ("transform/README.md", "## Settings"),
    ],
)
def test_settings_stand_in_the_environment_prod_of_a_clone(
    document: str, heading: str, tmp_path: Path
) -> None:
    """What is printed takes the place of `prod` in meltano.yml, and Meltano passes all of it on."""
    project = (ROOT / "meltano.yml").read_text()
    text = printed_text(document, heading)
    ours = "environments:\n- name: prod\n"
    assert text.startswith(ours)
    assert project.count("\n- name: prod\n") == 1
    filled = project.replace("\n- name: prod\n", "\n- name: prod\n" + text.removeprefix(ours))
    (tmp_path / "meltano.yml").write_text(filled)
    loaders = yaml.safe_load(text)["environments"][0]["config"]["plugins"]["loaders"]
    modes = []
    for loader in loaders:
        shown = subprocess.check_output(
            [BIN / "meltano", "--environment=prod", "config", "print", loader["name"]],
            cwd=tmp_path,
            timeout=120,
        )
        config = json.loads(shown)
        modes.append(config["mode"])
        assert config["transform"] == "recurly"
        assert {name: config[name] for name in loader["config"]} == loader["config"]
    assert modes == ["write", "audit", "repair"]


def test_the_rows_that_the_target_shows_can_be_piped_into_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The messages printed below Rows are taken as they stand: one event, one profile."""
    _, _, section = (ROOT / "target-klaviyo/README.md").read_text().partition("\n## Rows\n")
    messages = section.partition("```json\n")[2].partition("```")[0]
    subprocess.run(
        [BIN / "target-klaviyo", "--config", "ENV"],
        input=messages.encode(),
        env={
            **os.environ,
            "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        },
        cwd=tmp_path,
        timeout=60,
        check=True,
    )
    assert [event.unique_id for event in sandbox.klaviyo.events()] == ["payment-4711"]
    (profile,) = sandbox.klaviyo.profiles()
    assert profile.properties == {"Plan": "Gold"}
