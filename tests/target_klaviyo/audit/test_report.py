"""The report: one page that needs nothing else, the same as JSON, and lines for a terminal."""

from __future__ import annotations

import html
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from target_klaviyo.errors import SettingsError, TargetError
from target_klaviyo.report.charts import metric_chart, zones_chart
from target_klaviyo.report.publishing import table, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"

# Measures the page in a frame and writes what it sees into its own document.
PROBE = """<!doctype html><title>probe</title>
<iframe src="audit.html" width="WIDTH" height="800"></iframe><pre id="seen"></pre>
<script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument;
  const box = each => each.getBoundingClientRect();
  const charts = [...page.querySelectorAll(".metric > .chart .drawing svg")];
  document.querySelector("#seen").textContent = JSON.stringify({
    agrees: page.querySelector("h1").dataset.agrees,
    totals: Object.fromEntries(
      [...page.querySelectorAll("[data-total]")].map(each => [each.dataset.total, each.innerText])),
    metrics: Object.fromEntries([...page.querySelectorAll("[data-metric]")].map(each => [
      each.dataset.metric,
      Object.fromEntries([...each.querySelectorAll("[data-number], [data-kind]")].map(
        one => [one.dataset.number || one.dataset.kind, one.textContent]))])),
    charts: charts.map(each => ({
      width: box(each).width, height: box(each).height,
      bars: [...each.querySelectorAll(".bar")].filter(bar => box(bar).height > 0).length,
      flags: each.querySelectorAll("rect.flag").length,
      colours: [...new Set([...each.querySelectorAll(".bar")].map(
        bar => getComputedStyle(bar).fill))],
      labels: [...each.querySelectorAll("text")].filter(text => box(text).width > 0).length,
      first: each.querySelector("text.first").getBBox().x,
      scale: [...each.closest(".chart").querySelectorAll(".scale text")].map(text =>
        box(text).width > 0 && box(text).left >= 0 &&
        box(text).right <= box(each.closest(".drawing")).left ? "shown" : "hidden")})),
    advice: [...page.querySelectorAll(".advice p")].map(each => each.textContent),
    legends: [...page.querySelectorAll(".legend")].map(
      each => [...each.querySelectorAll("span")].map(one => one.textContent.trim())),
    cells: [...page.querySelectorAll("details[open] td")].filter(cell =>
      box(cell).width > 0 && box(cell).right > page.documentElement.clientWidth).length,
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
  });
};
</script>"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """A test's server says nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of what lies in the test's folder."""

    def handler(*arguments: Any) -> http.server.BaseHTTPRequestHandler:
        return _Quiet(*arguments, directory=str(tmp_path))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _browse(url: str, folder: Path) -> tuple[str, str]:
    """(document after loading, what the browser logged)."""
    if CHROMIUM is None:
        pytest.skip("No Chromium is installed here; on Debian: apt-get install chromium.")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder / 'chromium'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            "--dump-dom",
            url,
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("width", [1200, 375])
def test_the_page_opens_in_a_real_browser(
    shop: Any, served: str, tmp_path: Path, width: int
) -> None:
    """Chromium logs no error, shows every chart, and the same numbers as the JSON."""
    shop.sync()
    shop.account.delete_events([row["unique_id"] for row in shop.events[::31]])
    report = shop.audit(source_timezone="America/New_York").report
    (tmp_path / "probe.html").write_text(PROBE.replace("WIDTH", str(width)))

    dom, logged = _browse(f"{served}/probe.html", tmp_path)

    assert ":CONSOLE" not in logged
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    seen = json.loads(html.unescape(found[1]))
    assert seen["agrees"] == "false"
    always = ("expected", "found", "profiles_checked")
    assert {name: _number(text) for name, text in seen["totals"].items()} == {
        name: count for name, count in report["totals"].items() if count or name in always
    }
    for metric in report["metrics"]:
        texts = seen["metrics"][metric["name"]]
        shown = {name: _number(text) for name, text in texts.items()}
        kinds = {kind: count for kind, count in metric["findings_by_kind"].items() if count}
        assert shown == {"expected": metric["expected"], "found": metric["found"], **kinds}
    assert len(seen["charts"]) == len(report["metrics"])
    for chart, metric in zip(seen["charts"], report["metrics"], strict=True):
        assert chart["width"] > 300
        assert chart["height"] > 80
        assert chart["bars"] >= sum(day["expected"] > 0 for day in metric["days"])
        assert chart["flags"] == sum(day["differs"] for day in metric["days"]) > 0
        assert len(chart["colours"]) > 1
        assert "rgb(0, 0, 0)" not in chart["colours"]
        assert chart["labels"] >= 6
        assert chart["first"] >= 0
        assert chart["scale"] == ["shown"] * len(chart["scale"])
        assert len(chart["scale"]) >= 2
    assert seen["overflow"] <= 0
    assert seen["cells"] == 0
    assert seen["advice"] == [
        "Run it again in mode 'repair', which sends 10 missing events.",
    ]
    assert (
        seen["legends"]
        == [["in place", "explained", "missing", "a day that differs"]]
        + [["in place", "missing", "a day that differs"]] * 2
    )


def test_the_page_says_what_cannot_be_repaired_and_why(shop: Any) -> None:
    """What Klaviyo keeps is told apart from what a repair sends, on the page and on stderr."""
    right = [dict(row) for row in shop.events]
    shop.events[20]["value"] = 999.0
    shop.sync()
    shop.events = right
    shop.account.delete_events([shop.events[3]["unique_id"]])
    shop.account.alter_profile("user1@shop.io", **{"Recurly Account Code": "other"})
    found = shop.audit()
    assert found.report["advice"] == [
        "Run it again in mode 'repair', which sends 1 missing event and 1 differing profile.",
        (
            "Altered events cannot be repaired, because Klaviyo keeps the first event it gets "
            "under a unique_id and deletes none."
        ),
    ]
    assert "run it again in mode 'repair'" in found.sentence
    assert found.page.read_text().count("cannot be repaired, because") == 1

    repaired = shop.audit("repair")
    assert [each[:34] for each in repaired.report["advice"]] == [
        "Altered events cannot be repaired,"
    ]


def test_a_clean_page_gives_no_advice(shop: Any) -> None:
    """Nor tiles of nothing, nor a legend of what does not occur."""
    del shop.events[300:]
    shop.sync()
    text = shop.audit().page.read_text()
    assert "What to do" not in text
    assert set(re.findall(r'data-total="(\w+)"', text)) == {
        "expected",
        "found",
        "profiles_checked",
    }
    assert set(re.findall(r'<i class="(\w+)"', text)) == {"in_place"}


def test_nothing_in_the_page_is_markup_of_the_data(shop: Any) -> None:
    """Names, keys, reasons and values are shown, never run."""
    for row in shop.events[:6]:
        row["metric"] = HOSTILE
        row["unique_id"] += HOSTILE
    shop.profiles[0]["properties"] = {HOSTILE: [HOSTILE]}
    verdict = shop.audit()
    text = verdict.page.read_text()
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "<img" not in text
    assert "default-src 'none'" in text


def test_the_page_needs_no_network(shop: Any) -> None:
    """It refers to nothing outside itself."""
    shop.sync()
    text = shop.audit(source_timezone="Asia/Tokyo").page.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "url(" not in text
    assert len(text) < 1_000_000


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _days(number: int) -> list[dict[str, Any]]:
    first = date(2020, 1, 1)
    return [
        {
            "day": (first + timedelta(days=index)).isoformat(),
            "expected": 3,
            "found": 3 if index % 50 else 1,
            "in_place": 3 if index % 50 else 1,
            "explained": 0,
            "missing": 0 if index % 50 else 2,
            "surplus": 0,
            "differs": index % 50 == 0,
            "source_report": 3,
            "klaviyo_feed": 2 + index % 3,
        }
        for index in range(number)
    ]


@pytest.mark.parametrize(("number", "most"), [(1, 1), (400, 400), (401, 59), (3_000, 100)])
def test_a_chart_of_any_length_has_bars_one_can_tell_apart(number: int, most: int) -> None:
    """Many days are gathered into weeks, very many into months; no event gets lost."""
    svg = metric_chart(_days(number)).plot
    titles = set(re.findall(r"<title>(.*?)</title>", svg))
    assert 1 <= len(titles) <= most
    counts = re.findall(r"([\d,]+) expected", " ".join(titles))
    assert sum(map(_number, counts)) == 3 * number


def test_the_zones_chart_goes_both_ways() -> None:
    """Days on which Klaviyo shows less reach below the line."""
    svg = zones_chart(_days(90)).plot
    bars = re.findall(r'class="bar shift".*?y="([\d.]+)".*?height="([\d.]+)"', svg)
    assert len(bars) == 60
    assert len({float(top) for top, _ in bars}) == 2
    assert len({height for _, height in bars}) == 1
    assert "3 in the source's report, 2 in Klaviyo's feed" in html.unescape(svg)


def test_the_table_names_metrics_and_no_customers(shop: Any) -> None:
    """What goes to the log holds numbers, not addresses."""
    report = shop.audit().report
    lines = list(table(report))
    assert len(lines) >= 5
    assert len({len(line) for line in lines[:4]}) == 1
    assert "Failed Payment" in lines[1]
    assert not any("@" in line for line in lines)


def test_a_report_that_cannot_be_written_is_a_sentence(shop: Any, tmp_path: Path) -> None:
    """It names the setting."""
    (tmp_path / "file").write_text("")
    report = shop.audit().report
    with pytest.raises(TargetError, match="check the setting 'report_path'"):
        write_report(report, tmp_path / "file" / "audit.html")


def test_a_report_through_a_link_leaves_the_link(shop: Any, tmp_path: Path) -> None:
    """The report is replaced where it really is, for nobody but its owner to read."""
    report = shop.audit().report
    (tmp_path / "volume").mkdir()
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "volume" / "page.html")
    for _ in range(2):
        write_report(report, link)
    assert link.is_symlink()
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in link.resolve().parent.iterdir())
    assert {each.name for each in (tmp_path / "volume").iterdir()} == {"page.html", "page.json"}


def test_a_report_to_a_device_leaves_the_device(shop: Any, tmp_path: Path) -> None:
    """Who wants no report and names /dev/null, or a pipe, still has it afterwards."""
    report = shop.audit().report
    pipe = tmp_path / "devices" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        write_report(report, pipe)
        assert b"<html" in read.result()
    assert pipe.is_fifo()
    assert [each.name for each in pipe.parent.iterdir()] == ["pipe"]


def test_the_json_cannot_take_the_pages_place(shop: Any) -> None:
    """A report_path that ends in .json is refused before anything is read."""
    with pytest.raises(SettingsError, match=re.escape("output/audit.html")):
        shop.site.sync([], mode="audit", report_path="output/audit.JSON")


def test_without_its_packages_an_audit_says_what_to_install(shop: Any) -> None:
    """The report's packages are an extra; their absence is noticed before anything is read."""
    program = (
        "import sys; sys.modules['jinja2'] = None; from target_klaviyo.__main__ import run; "
        "sys.exit(run(['--config', 'audit.json']))"
    )
    (shop.site.folder / "audit.json").write_text(json.dumps({**shop.site.config, "mode": "audit"}))
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=shop.site.sample.lines(shop.messages()),
        cwd=shop.site.folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith("install target-klaviyo[audit].")
    assert shop.site.requests() == 0
