"""Every metric and property says what it is, where it stands, and in its docstring how to tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import recurly_to_klaviyo
from recurly_to_klaviyo.config import SETTINGS
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.links import LINK_FIELDS
from recurly_to_klaviyo.metrics import METRIC_GROUPS
from recurly_to_klaviyo.profiles import PROPERTIES
from recurly_to_klaviyo.properties import PROPERTY_GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]

ROOT = Path(recurly_to_klaviyo.__file__).parent
VARIABLES = {
    "ID": r"[a-z0-9]+",
    "SECONDS": r"\d{10}",
    "DAYS": r"\d+",
    "DATE": r"\d{4}-\d\d-\d\d",
    "SUBSCRIPTION": r"sub\d",
}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_told_of(metric: Any) -> None:
    """What counts, when and under which id stand in the rule's docstring."""
    assert metric.meaning.endswith(".")
    assert metric.time
    assert metric.unique_id.startswith("`recurly-")
    assert metric.group in METRIC_GROUPS


def test_every_property_is_told_of() -> None:
    """What a property holds stands in its docstring."""
    for declared in PROPERTIES:
        assert declared.meaning.endswith(".")
        assert declared.group in PROPERTY_GROUPS


@pytest.mark.parametrize("declared", [*METRICS, *PROPERTIES], ids=lambda declared: declared.name)
def test_a_name_stands_once_in_the_code(declared: Any) -> None:
    """Whoever looks for a metric or property finds the one place where it is declared."""
    code = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    assert code.count(f'"{declared.name}"') == 1


def _pattern(unique_id: str) -> re.Pattern[str]:
    """What a documented id looks like; several forms share their beginning."""
    first, *others = re.findall(r"`([^`]+)`", unique_id)
    stem = first.rpartition("-")[0]
    forms = [first, *(stem + other for other in others)]
    for name, pattern in VARIABLES.items():
        forms = [re.sub(rf"\b{name}\b", pattern.replace("\\", r"\\"), form) for form in forms]
    return re.compile("|".join(forms))


def test_ids_look_as_documented(
    transform_with: Callable[..., Transform],
    transaction: RecordFactory,
    invoice: RecordFactory,
    snapshot: RecordFactory,
    subscription: RecordFactory,
) -> None:
    """Every metric's events have ids of the form that its docstring gives."""
    trial = {"trial_started_at": "2026-05-20T10:00:00Z", "trial_ends_at": "2026-06-03T10:00:00Z"}
    past = "2026-05-20T10:00:00Z"
    subscriptions = [
        subscription(id="sub1", current_period_ends_at="2026-06-03T10:00:00Z"),
        subscription(id="sub2", **trial),
        subscription(id="sub3", state="paused", paused_at=past),
        subscription(id="sub4", state="expired", canceled_at=past, expires_at=past),
    ]
    card = {"payment_method": {"object": "credit_card", "exp_month": 6, "exp_year": 2026}}
    records = [
        *(("transactions", transaction(status=each)) for each in ("declined", "chargeback")),
        ("transactions", transaction(type="refund")),
        ("transactions", transaction(status="void", voided_by_invoice={"id": "inv2"})),
        ("invoices", invoice(state="past_due", subscription_ids=["sub1"])),
        ("invoices", invoice(state="failed", origin="immediate_change", subscription_ids=["sub1"])),
        ("account_snapshots", snapshot(billing_info=card, subscriptions=subscriptions)),
    ]
    transform = transform_with(metrics=list(METRIC_GROUPS), lead_days=30)
    patterns = {metric.name: _pattern(metric.unique_id) for metric in METRICS}
    seen = set()
    for stream, record in records:
        for kind, row in transform.rows(stream, record):
            if kind == "event":
                assert patterns[row["metric"]].fullmatch(row["unique_id"]), row["unique_id"]
                seen.add(row["metric"])
    assert seen == patterns.keys()


def test_files_are_small_and_pure_modules_stay_so() -> None:
    """No file outgrows 400 lines; only the mapper's two know the SDK."""
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 400, path.name
        if path.name not in {"mapper.py", "messages.py"}:
            assert "singer_sdk" not in text, path.name


def test_every_name_a_link_may_hold_stands_in_the_readme() -> None:
    """Whoever writes a template finds what can be named, and the word about login tokens."""
    readme = (ROOT.parent / "README.md").read_text()
    for field in LINK_FIELDS:
        assert f"| `{field}` |" in readme
    assert "lets whoever has it act as the customer" in readme


def test_every_setting_stands_in_the_readme() -> None:
    """Each setting with its default and its meaning."""
    readme = (ROOT.parent / "README.md").read_text()
    for setting in SETTINGS:
        assert f"| `{setting.name}` |" in readme
        assert setting.description in readme
