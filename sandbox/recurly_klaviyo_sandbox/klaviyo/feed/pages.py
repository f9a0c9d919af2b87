"""The feed's pages: /feed, /feed/{metric}, and all in one file at /feed.html."""

from __future__ import annotations

from base64 import b64encode
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from recurly_klaviyo_sandbox.klaviyo.feed.view import FeedView, dated

if TYPE_CHECKING:
    from starlette.requests import Request

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
        feeds = [(card, view.page(card.metric, size=latest)) for card in view.cards()]
        return _render("report.html", state, now=view.now(), feeds=feeds)


def feed_routes(state: State) -> list[Route]:
    """The live pages, and all in one file."""

    async def overview(_: Request) -> Response:
        with state.lock:
            view = FeedView(state)
            return _page("overview.html", state, now=view.now(), cards=view.cards())

    async def metric(request: Request) -> Response:
        query = request.query_params
        number, day = _number(query.get("page", "")), _day(query.get("day", ""))
        with state.lock:
            view, found = FeedView(state), state.metrics.get(request.path_params["metric"])
            if found is None:
                return _page("missing.html", state, status=404)
            feed = view.page(found, number, day)
            return _page("metric.html", state, card=view.card(found), feed=feed, day=day)

    async def report(_: Request) -> Response:
        return HTMLResponse(render_feed(state), headers=_POLICY)

    return [
        Route("/feed", overview),
        Route("/feed.html", report),
        Route("/feed/{metric}", metric),
    ]


def _page(template: str, state: State, *, status: int = 200, **values: object) -> Response:
    return HTMLResponse(_render(template, state, **values), status, _POLICY)


def _render(template: str, state: State, **values: object) -> str:
    found = _TEMPLATES.get_template(template)
    return found.render(style=_STYLE, script=_SCRIPT, state=state, **values)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1  # noqa: PLR2004  (far more pages than there can be)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
