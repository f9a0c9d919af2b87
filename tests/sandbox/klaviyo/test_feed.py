"""The activity feed: numbers, days, pages, and no trust in names."""

from __future__ import annotations

import html
import queue
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.klaviyo import feed
from recurly_klaviyo_sandbox.klaviyo.feed import render_feed
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send
    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"
RENEWAL = (Path(feed.__file__).parent / "renew.js").read_text()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def page(client: Client) -> Callable[..., str]:
    """Fetches a page of the feed, without any key."""

    def fetch(path: str, status: int = 200) -> str:
        response = client.call("GET", path, headers={"Authorization": None, "revision": None})
        assert response.status_code == status
        assert response.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in response.headers["content-security-policy"]
        return response.text

    return fetch


def _metric(account: KlaviyoAccount, name: str = "Successfully Paid") -> str:
    metric = account.state.metrics.named(name)
    assert metric is not None
    return metric.id


def _whos(text: str) -> list[str]:
    """Who stands in the feed, in order."""
    whos = re.findall(r'class="who"><b>(.*?)</b>', text)
    return [html.unescape(who.replace("<wbr>", "")) for who in whos]


def test_the_overview_counts_each_metric(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], page: Callable[..., str]
) -> None:
    """Each metric has a card with its number of events, most first, native ones marked."""
    client.send(
        bodies.entry(bodies.profile(), *(bodies.event(str(number)) for number in range(12))),
        bodies.entry(bodies.profile("bob@shop.se"), bodies.event("f", metric="Failed Payment")),
    )
    account.seed_native_metric("Failed Payment", [1_793_000_000] * 3)
    text = page("/feed")
    names = re.findall(r'class="dot"></span>(.*?)<span class="tag">(.*?)<', text)
    counts = re.findall(r'class="count">(.*?)<', text)
    assert list(zip(names, counts, strict=True)) == [
        (("Successfully Paid", "API"), "12"),
        (("Failed Payment", "API"), "1"),
        (("Failed Payment", "Recurly"), "3"),
    ]


def test_an_empty_account_says_so(page: Callable[..., str]) -> None:
    """Before the first event there is a sentence instead of cards."""
    assert "No events yet." in page("/feed")


def test_a_feed_shows_who_when_and_how_much(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], page: Callable[..., str]
) -> None:
    """Newest first, with the person's name, the account's time zone, value and properties."""
    client.send(
        bodies.entry(
            bodies.profile(first_name="Ann", last_name="Berg"),
            bodies.event("1", value=1250, value_currency="SEK", properties={"Items": [{"a": 1}]}),
        ),
        bodies.entry(bodies.profile("bob@shop.se"), bodies.event("2", time="2026-11-02T23:30:00Z")),
    )
    text = page(f"/feed/{_metric(account)}")
    assert _whos(text) == ["bob@shop.se", "Ann Berg"]
    assert "Tuesday, 3 Nov 2026" in text  # half past midnight in Stockholm
    assert "00:30:00" in text
    assert "1,250.00\N{NO-BREAK SPACE}SEK" in text
    assert "<dt>Items</dt>" in text


def test_each_event_shows_what_it_is_about(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], page: Callable[..., str]
) -> None:
    """The product, the items, the reason or the invoice stands in the row, unopened."""
    told = [
        ({"Product Name": "Coffee Box", "Invoice Number": "1001"}, "Coffee Box"),
        ({"Item Names": ["Basic", "Extra seat"]}, "Basic, Extra seat"),
        ({"Failure Reason": "The card has expired."}, "The card has expired."),
        ({"Refund Type": "void", "Invoice Number": "1001"}, "void"),
        ({"Invoice Number": "1001"}, "Invoice 1001"),
        ({"Recurly ID": "abc"}, ""),
    ]
    for number, (properties, _) in enumerate(told):
        event = bodies.event(str(number), properties=properties)
        client.send(bodies.entry(bodies.profile(), event))
    text = page(f"/feed/{_metric(account)}")
    subjects = re.findall(r'class="subject">(.*?)<', text)
    assert subjects[::-1] == [subject for _, subject in told]


def test_live_events_bear_a_badge_beside_their_amount(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], page: Callable[..., str]
) -> None:
    """What may start flows is marked, history is not, and a line says what the mark means."""
    client.send(bodies.entry(bodies.profile(), bodies.event("1", value=5)))
    client.send(bodies.entry(bodies.profile(), bodies.event("2", value=7, backfill=True)))
    text = page(f"/feed/{_metric(account)}")
    values = re.findall(r'class="value">(.*?)</span>', text)
    assert [("live" in value, "5.00" in value) for value in values] == [
        (False, False),
        (True, True),
    ]
    assert "so e-mails may go out" in text


def test_a_feed_can_be_narrowed_to_a_day_of_the_zone(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], page: Callable[..., str]
) -> None:
    """The day is that of the account's time zone."""
    times = ["2026-11-01T22:59:59Z", "2026-11-01T23:00:00Z", "2026-11-02T22:59:59Z"]
    for number, time in enumerate(times):
        profile = bodies.profile(f"p{number}@shop.se")
        client.send(bodies.entry(profile, bodies.event(time=time)))
    path = f"/feed/{_metric(account)}"
    assert _whos(page(f"{path}?day=2026-11-02")) == ["p2@shop.se", "p1@shop.se"]
    assert _whos(page(f"{path}?day=2020-01-01")) == []
    assert len(_whos(page(f"{path}?day=nonsense"))) == 3


def test_a_feed_has_pages(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], page: Callable[..., str]
) -> None:
    """Fifty events a page, each on one page only; pages that do not exist show the nearest."""
    for number in range(120):
        client.send(bodies.entry(bodies.profile(f"p{number:03}@shop.se"), bodies.event()))
    path = f"/feed/{_metric(account)}"
    pages = [_whos(page(f"{path}?page={number}")) for number in (1, 2, 3)]
    assert [len(each) for each in pages] == [50, 50, 20]
    assert len({who for each in pages for who in each}) == 120
    assert _whos(page(f"{path}?page=99")) == pages[2]
    assert _whos(page(f"{path}?page=0")) == pages[0]


def test_a_feed_of_nothing_is_404(page: Callable[..., str]) -> None:
    """A metric that does not exist has a page that says so."""
    assert "No such metric" in page("/feed/nothing", status=404)


def test_hostile_names_are_harmless(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Markup in names, properties, metrics and the organization is shown, never obeyed."""
    account, client = open_account(organization_name=HOSTILE)
    profile = bodies.profile(first_name=HOSTILE, properties={HOSTILE: HOSTILE})
    properties = {HOSTILE: [HOSTILE]}
    event = bodies.event(
        HOSTILE, metric=HOSTILE, value=1, value_currency=HOSTILE, properties=properties
    )
    client.send(bodies.entry(profile, event))
    metric = account.state.metrics.named(HOSTILE)
    assert metric is not None
    pages = [render_feed(account.state)]
    pages += [client.get(path).text for path in ("/feed", f"/feed/{metric.id}", "/feed.html")]
    for text in pages:
        assert text.count("<script") == text.count(f"<script>{RENEWAL}</script>") <= 1
        assert "<img" not in text
        assert html.escape(HOSTILE[:20], quote=False) in text.replace("&#39;", "'")


def test_one_page_holds_it_all(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The page to save has every metric with its latest events and needs no other file."""
    events = [bodies.event(str(number)) for number in range(60)]
    client.send(bodies.entry(bodies.profile(), *events, bodies.event("x", metric="Failed Payment")))
    text = render_feed(account.state, latest=10)
    assert len(_whos(text)) == 11
    assert "Failed Payment" in text
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text.replace('href="/feed', ""))
    assert "http" not in text
    assert "<script" not in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="No Chromium is installed to open the page with.")
def test_a_browser_has_nothing_to_complain_about(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], tmp_path: Path
) -> None:
    """Chromium opens the feed without a message on its console, and shows numbers and charts."""
    client.send(bodies.entry(bodies.profile(), bodies.event("1"), bodies.event("2")))
    for number, path in enumerate(("/feed", f"/feed/{_metric(account)}", "/feed.html")):
        shown = _open(f"{client.url}{path}", tmp_path / str(number))
        assert "CONSOLE" not in shown.stderr
        assert "Successfully Paid" in shown.stdout
        assert shown.stdout.count("<rect") >= 30


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="No Chromium is installed to open the page with.")
def test_a_page_renews_itself(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], tmp_path: Path
) -> None:
    """An open page fetches itself anew after five seconds: what arrives meanwhile is shown."""
    client.send(bodies.entry(bodies.profile(), bodies.event("1")))
    asked: queue.Queue[str] = queue.Queue()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        asked.put(scope["path"])
        await account.app(scope, receive, send)

    with LocalServer(watched) as server:
        command = _browser(f"{server.url}/feed", tmp_path, "--virtual-time-budget=12000")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as browser:
            paths = [asked.get(timeout=60) for _ in range(2)]
            browser.kill()
    assert paths == ["/feed", "/feed"]


def _open(url: str, profile: Path) -> subprocess.CompletedProcess[str]:
    command = _browser(url, profile, "--enable-logging=stderr", "--dump-dom")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def _browser(url: str, profile: Path, *more: str) -> list[Any]:
    return [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
        *more,
        url,
    ]
