"""Lists, page by page: every row once, on the configured host, and always an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly.errors import UnreachableError
from tap_recurly.http.client import MAX_EMPTY_PAGES, TIMEOUTS_BEFORE_SMALLER_PAGE
from tap_recurly.http.queries import ASCENDING
from tap_recurly.http.retry import PageSizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

    from tap_recurly.http.client import RecurlyClient

TRUNCATED = (200, {"Content-Length": "999"}, b'{"data": [')


@pytest.mark.parametrize(
    "following",
    [
        "/plans?cursor=plans-1:1.0&limit=2",
        "https://v3.recurly.com/plans?cursor=plans-1:1.0&limit=2",
        "//elsewhere.example/plans?cursor=plans-1:1.0&limit=2",
        "plans?cursor=plans-1:1.0&limit=2",
        "https://api.recurly.com/v2021-02-25/plans?cursor=plans-1:1.0&limit=2",
        "/v2021-02-25/plans?cursor=plans-1:1.0&limit=2",
    ],
    ids=[
        "a path",
        "a URL",
        "a URL without a scheme",
        "a relative path",
        "the guide's URL",
        "the guide's path",
    ],
)
@pytest.mark.parametrize("prefix", ["", "/proxy/recurly"])
def test_next_page_is_on_the_configured_host(
    site: HandmadeSite, new_client: Callable[..., RecurlyClient], following: str, prefix: str
) -> None:
    """However a next page is named, it is asked of the configured host: the key goes nowhere else.

    So a proxy in front of Recurly works, which passes on Recurly's own addresses.
    """
    body = json.dumps({"has_more": True, "next": following, "data": []}).encode()
    last = json.dumps({"has_more": False, "data": [{"id": "found"}]}).encode()

    def answer(_method: str, _path: str, params: dict[str, str]) -> Answer:
        return 200, {}, last if "cursor" in params else body

    site.before = answer
    client = new_client(api_url=site.url + prefix)
    assert [row["id"] for row in client.records("/plans")] == ["found"]
    assert [path for _, path, _ in site.requests] == [f"{prefix}/plans"] * 2


def test_next_page_that_names_the_prefix_already(
    site: HandmadeSite, new_client: Callable[..., RecurlyClient]
) -> None:
    """A path that carries the base URL's prefix is not prefixed again."""
    following = "/proxy/plans?cursor=x"
    body = json.dumps({"has_more": True, "next": following, "data": []}).encode()
    last = json.dumps({"has_more": False, "data": []}).encode()
    site.before = lambda _method, _path, params: (200, {}, last if "cursor" in params else body)
    client = new_client(api_url=f"{site.url}/proxy")
    assert list(client.records("/plans")) == []
    assert [path for _, path, _ in site.requests] == ["/proxy/plans"] * 2


def test_rows_on_many_lines(site: HandmadeSite, client: RecurlyClient) -> None:
    """However a server lays out its JSON, a row is one line, its numbers as they were written."""
    rows = '[\r\n  {\n "id": "a",\r\n "amount": 10.00, "note": "two\\nlines"\n},\n {"id": "b"}]'
    site.before = lambda *_: (200, {}, f'{{"has_more": false, "data": {rows}}}'.encode())
    lines = [row.line for row in client.rows("/plans")]
    assert lines == [b'{"id":"a","amount":10.00,"note":"two\\nlines"}', b'{"id":"b"}']


@pytest.mark.parametrize("more", [{}, {"has_more": None}])
@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}])
def test_fields_that_nobody_promises(
    site: HandmadeSite, client: RecurlyClient, more: dict[str, None], end: dict[str, Any]
) -> None:
    """Where `has_more` is null or absent, `next` tells whether the list goes on."""
    first = json.dumps({"data": [{"id": "a"}], "next": "/plans?cursor=x", **more}).encode()
    last = json.dumps({"data": [{"id": "b"}], **more, **end}).encode()
    site.before = lambda _method, _path, params: (200, {}, last if "cursor" in params else first)
    assert [row["id"] for row in client.records("/plans")] == ["a", "b"]


@pytest.mark.parametrize("following", [None, "", "/plans?sort=updated_at&order=asc&limit=200"])
def test_list_that_does_not_go_on(
    site: HandmadeSite, client: RecurlyClient, following: str | None
) -> None:
    """A list with more but nowhere to go, or back to itself, is an error, not an end or a loop."""
    body = json.dumps({"has_more": True, "next": following, "data": []}).encode()
    site.before = lambda *_: (200, {}, body)
    with pytest.raises(UnreachableError):
        list(client.records("/plans", ASCENDING))


@pytest.mark.parametrize("path", ["/plans", "/gift_cards", "/accounts/one/notes"])
@pytest.mark.parametrize(
    "following",
    [{"": "a", "a": "a"}, {"": "a", "a": ""}, {"": "a", "a": "b", "b": "a"}],
    ids=["to itself", "to the first page", "in a circle of two"],
)
def test_pages_in_a_circle_end(
    site: HandmadeSite, client: RecurlyClient, following: dict[str, str], path: str
) -> None:
    """A list whose pages lead back ends with a sentence, no page having been asked for twice."""

    def lead(_method: str, asked: str, params: dict[str, str]) -> Answer:
        cursor = following[params.get("cursor", "")]
        address = f"{asked}?cursor={cursor}" if cursor else asked
        rows = [{"id": params.get("cursor", "")}]
        body = {"has_more": True, "next": address, "data": rows}
        return 200, {}, json.dumps(body).encode()

    site.before = lead
    with pytest.raises(
        UnreachableError, match=f"list {path} leads back to a page before: run again"
    ):
        list(client.records(path))
    assert len(site.asked()) == len(following)


def test_empty_pages_without_end_end(site: HandmadeSite, client: RecurlyClient) -> None:
    """A list that goes on over ever more empty pages ends with a sentence; a few are borne."""
    empty, limit = 0, MAX_EMPTY_PAGES - 1

    def lead(_method: str, _path: str, _params: dict[str, str]) -> Answer:
        nonlocal empty
        empty += 1
        rows = [] if empty % (limit + 1) else [{"id": "a"}]
        body = {"has_more": empty < 100, "next": f"/plans?cursor={empty}", "data": rows}
        return 200, {}, json.dumps(body).encode()

    site.before = lead
    assert len(list(client.records("/plans"))) == 100 // (limit + 1)
    empty, limit = 0, 1_000
    with pytest.raises(UnreachableError, match=r"/plans goes on although 10 pages in a row"):
        list(client.records("/plans"))
    assert empty == MAX_EMPTY_PAGES


def test_pages_that_time_out_get_smaller(
    site: HandmadeSite, new_client: Callable[..., RecurlyClient]
) -> None:
    """After repeated timeouts a page is asked for in halves, and nothing is left out."""
    site.fill("/plans", 250)

    def too_heavy(_method: str, _path: str, params: dict[str, str]) -> Answer | None:
        # Half an answer and then silence, as a gateway does with what takes it too long.
        return TRUNCATED if int(params["limit"]) > 100 else None

    site.before = too_heavy
    client = new_client(request_timeout=1)
    assert len(list(client.records("/plans", ASCENDING))) == 250


def test_size_that_arrived_in_time_is_remembered(
    site: HandmadeSite, new_client: Callable[..., RecurlyClient]
) -> None:
    """What one read of a list has learned of its pages the next does not pay for again."""
    site.fill("/plans", 250)
    site.before = lambda _method, _path, params: TRUNCATED if int(params["limit"]) > 100 else None
    client = new_client(request_timeout=1)
    for _ in range(2):
        assert len(list(client.records("/plans", ASCENDING))) == 250
    limits = [params["limit"] for _, _, params in site.requests]
    assert limits == ["200"] * TIMEOUTS_BEFORE_SMALLER_PAGE + ["100"] * 6


def test_smaller_page_leaves_the_cursor_alone() -> None:
    """Only the limit changes, down to the least that helps; what else a URL says is Recurly's."""
    url = "https://v3.recurly.com/plans?cursor=a+b:1.5%2B|&limit={}&order=asc"
    sizes = PageSizes()
    asked = url.format(200)
    for limit in (100, 50, 25, 25):
        sizes.halve("plans", asked)
        asked = sizes.fitted("plans", asked)
        assert asked == url.format(limit)
    assert sizes.fitted("plans", "https://v3.recurly.com/plans") == "https://v3.recurly.com/plans"
    assert sizes.fitted("items", url.format(200)) == url.format(200)
