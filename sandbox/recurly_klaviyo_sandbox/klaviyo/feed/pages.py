"""The feed's pages: /feed, /feed/{metric}, and all in one file at /feed.html."""

from __future__ import annotations

from base64 import b64encode
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import jinja2
from starlette.responses import HTMLResponse, Response

from recurly_klaviyo_sandbox.klaviyo.feed.view import FeedView, dated

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from recurly_klaviyo_sandbox.klaviyo.state import State

LATEST = 40  # events per metric in the page that is saved
_HERE = Path(__file__).parent

# Names and properties come from strangers: everything is escaped unless marked otherwise.
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.filters["dated"] = dated
_STYLE = (_HERE / "feed.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "renew.js").read_text(encoding="utf-8")
_DIGEST = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
# Nothing is fetched and no script runs but the one that renews the page, whatever a property
# contains.
_POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{_DIGEST}'"
    )
}


def render_feed(state: State, *, latest: int = LATEST) -> str:
    """One HTML page that needs nothing else: every metric with its `latest` events."""
    with state.lock:
        view = FeedView(state)
        overview = view.overview()
        feeds = []
        for card in overview.cards:
            metric = view.metric(card.id)
            if metric is not None:
                feeds.append((card, view.page(metric, size=latest)))
        return _render("report.html", overview=overview, feeds=feeds)


class FeedPages:
    """ASGI application of the live pages."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one page."""
        path = scope["path"].rstrip("/")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        answer = self._answer(path, {name: texts[0] for name, texts in query.items()})
        await answer(scope, receive, send)

    def _answer(self, path: str, query: dict[str, str]) -> Response:
        if path == "/feed.html":
            return HTMLResponse(render_feed(self._state), headers=_POLICY)
        with self._state.lock:
            view = FeedView(self._state)
            if path == "/feed":
                page = _render("overview.html", overview=view.overview())
                return HTMLResponse(page, headers=_POLICY)
            metric = view.metric(path.removeprefix("/feed/"))
            if metric is None:
                return HTMLResponse(_render("missing.html"), status_code=404, headers=_POLICY)
            number, day = _number(query.get("page", "")), _day(query.get("day", ""))
            page = _render(
                "metric.html",
                card=view.card(metric),
                feed=view.page(metric, number, day),
                day=day,
                timezone=self._state.options.timezone,
            )
        return HTMLResponse(page, headers=_POLICY)


def _render(template: str, **values: object) -> str:
    return _TEMPLATES.get_template(template).render(style=_STYLE, script=_SCRIPT, **values)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1  # noqa: PLR2004  (far more pages than there can be)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
