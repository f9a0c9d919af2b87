"""The client and a network that fails: tried again, within bounds, or one clear sentence."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly.config import Settings
from tap_recurly.errors import (
    ApiVersionError,
    MissingFeatureError,
    NotFoundError,
    RequestError,
    TapRecurlyError,
    UnreachableError,
)
from tap_recurly.http.client import MAX_EMPTY_PAGES, TIMEOUTS_BEFORE_SMALLER_PAGE, RecurlyClient
from tap_recurly.http.queries import ASCENDING
from tap_recurly.http.retry import PageSizes, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tap_recurly.conftest import Answer, TinyRecurly

HTML = b"<html>Bad gateway</html>"
TRUNCATED = (200, {"Content-Length": "999"}, b'{"data": [')
TROUBLES: dict[str, Answer] = {
    "500": (500, {}, b"{}"),
    "502 with HTML": (502, {}, HTML),
    "503": (503, {}, b""),
    "504": (504, {}, HTML),
    "HTML with status 200": (200, {}, HTML),
    "JSON that is no list": (200, {}, b'{"data": null}'),
    "a broken text": (200, {}, b'{"data": ["\xff"]}'),
    "no answer at all": (0, {}, b""),
    "a 429 with Retry-After": (429, {"Retry-After": "1"}, b""),
}


@pytest.fixture
def client(site: TinyRecurly) -> Iterator[RecurlyClient]:
    """A client of the tiny Recurly that does not really wait between its tries."""
    made = make_client(site)
    yield made
    made.close()


def make_client(site: TinyRecurly, **config: Any) -> RecurlyClient:
    """A client with other settings."""
    given = {"api_key": "a-private-key", "api_url": site.url, **config}
    settings = Settings.from_config(given)
    retry = RetryPolicy(max_tries=4, min_backoff_seconds=0, min_interval_seconds=0)
    return RecurlyClient(settings, retry=retry)


def trouble_on(
    answer: Answer, *, request: int, times: int = 1
) -> Callable[[str, str, dict[str, str]], Answer | None]:
    """Answer the n-th request, and some more, with trouble."""
    seen = 0

    def before(_method: str, _path: str, _params: dict[str, str]) -> Answer | None:
        nonlocal seen
        seen += 1
        return answer if request <= seen < request + times else None

    return before


@pytest.mark.parametrize("name", TROUBLES)
def test_passing_trouble_is_survived(site: TinyRecurly, client: RecurlyClient, name: str) -> None:
    """Trouble on a later page is tried again, and the list is complete."""
    site.fill("/plans", 500)
    site.before = trouble_on(TROUBLES[name], request=2, times=2)
    ids = [row["id"] for row in client.records("/plans", ASCENDING)]
    assert ids == [f"plans-{index}" for index in range(500)]


def test_lasting_trouble_ends_in_bounds(site: TinyRecurly, client: RecurlyClient) -> None:
    """A request that always fails is given up after the agreed number of tries."""
    site.fill("/plans", 500)
    site.before = trouble_on((503, {}, b""), request=2, times=99)
    with pytest.raises(UnreachableError, match=r"in 4 tries.*503, request id req-1"):
        list(client.records("/plans", ASCENDING))
    assert len(site.requests) == 1 + 4


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (400, RequestError)])
def test_refusal_within_a_list_is_no_quiet_end(
    site: TinyRecurly, client: RecurlyClient, status: int, kind: type[TapRecurlyError]
) -> None:
    """A 404 or 400 on page two is an error at once, with Recurly's own words."""
    site.fill("/plans", 500)
    body = json.dumps({"error": {"type": "validation", "message": "Cursor is odd."}}).encode()
    site.before = trouble_on((status, {}, body), request=2)
    with pytest.raises(kind, match="Cursor is odd, request id req-1"):
        list(client.records("/plans", ASCENDING))
    assert len(site.requests) == 2


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
    site: TinyRecurly, following: str, prefix: str
) -> None:
    """However a next page is named, it is asked of the configured host: the key goes nowhere else.

    So a proxy in front of Recurly works, which passes on Recurly's own addresses.
    """
    body = json.dumps({"has_more": True, "next": following, "data": []}).encode()
    last = json.dumps({"has_more": False, "data": [{"id": "found"}]}).encode()

    def answer(_method: str, _path: str, params: dict[str, str]) -> Answer:
        return 200, {}, last if "cursor" in params else body

    site.before = answer
    client = make_client(site, api_url=site.url + prefix)
    assert [row["id"] for row in client.records("/plans")] == ["found"]
    assert [path for _, path, _ in site.requests] == [f"{prefix}/plans"] * 2
    client.close()


def test_next_page_that_names_the_prefix_already(site: TinyRecurly) -> None:
    """A path that carries the base URL's prefix is not prefixed again."""
    following = "/proxy/plans?cursor=x"
    body = json.dumps({"has_more": True, "next": following, "data": []}).encode()
    last = json.dumps({"has_more": False, "data": []}).encode()
    site.before = lambda _method, _path, params: (200, {}, last if "cursor" in params else body)
    client = make_client(site, api_url=f"{site.url}/proxy")
    assert list(client.records("/plans")) == []
    assert [path for _, path, _ in site.requests] == ["/proxy/plans"] * 2
    client.close()


def test_rows_on_many_lines(site: TinyRecurly, client: RecurlyClient) -> None:
    """However a server lays out its JSON, a row is one line, its numbers as they were written."""
    rows = '[\r\n  {\n "id": "a",\r\n "amount": 10.00, "note": "two\\nlines"\n},\n {"id": "b"}]'
    site.before = lambda *_: (200, {}, f'{{"has_more": false, "data": {rows}}}'.encode())
    lines = [row.line for row in client.rows("/plans")]
    assert lines == [b'{"id":"a","amount":10.00,"note":"two\\nlines"}', b'{"id":"b"}']


def test_answers_without_a_date(
    site: TinyRecurly, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a Date the machine's own clock serves, and that is said once."""
    site.fill("/plans", 3)
    site.before = lambda *_: (200, {"Date": ""}, b'{"has_more": false, "data": []}')
    for _ in range(3):
        present = client.count("/plans", ASCENDING).server_time
        assert abs(present - datetime.now(timezone.utc)) < timedelta(seconds=5)
    (warning,) = caplog.records
    assert "this machine's clock" in warning.message


def test_head_that_fails_is_no_fault(
    site: TinyRecurly, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Where HEAD is not answered, GET tells the time, and HEAD is not tried again."""
    site.fill("/plans", 3)
    site.before = lambda method, *_: (405, {}, b"") if method == "HEAD" else None
    for _ in range(3):
        assert client.count("/plans", ASCENDING).server_time == site.now
    assert [method for method, _, _ in site.requests].count("HEAD") == 1
    (warning,) = caplog.records
    assert "HEAD" in warning.message


@pytest.mark.parametrize(
    ("status", "kind"), [(406, "invalid_api_version"), (406, ""), (400, "invalid_api_version")]
)
def test_version_that_recurly_has_given_up(
    site: TinyRecurly, client: RecurlyClient, status: int, kind: str
) -> None:
    """A version that is no longer spoken asks for a newer tap, not for another run."""
    body = json.dumps({"error": {"type": kind, "message": "Gone."}}).encode()
    site.before = trouble_on((status, {}, body), request=1)
    with pytest.raises(ApiVersionError, match=r"v2021-02-25.*install a newer tap-recurly"):
        list(client.records("/plans", ASCENDING))


def test_redirects_are_not_followed(site: TinyRecurly, client: RecurlyClient) -> None:
    """An answer that points elsewhere is an error: the key stays here."""
    site.before = trouble_on((302, {"Location": "http://127.0.0.1:1/"}, b""), request=1)
    with pytest.raises(RequestError, match="redirected"):
        list(client.records("/plans", ASCENDING))


@pytest.mark.parametrize("more", [{}, {"has_more": None}])
@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}])
def test_fields_that_nobody_promises(
    site: TinyRecurly, client: RecurlyClient, more: dict[str, None], end: dict[str, Any]
) -> None:
    """Where `has_more` is null or absent, `next` tells whether the list goes on."""
    first = json.dumps({"data": [{"id": "a"}], "next": "/plans?cursor=x", **more}).encode()
    last = json.dumps({"data": [{"id": "b"}], **more, **end}).encode()
    site.before = lambda _method, _path, params: (200, {}, last if "cursor" in params else first)
    assert [row["id"] for row in client.records("/plans")] == ["a", "b"]


@pytest.mark.parametrize("path", ["/plans", "/gift_cards", "/accounts/one/notes"])
@pytest.mark.parametrize(
    "following",
    [{"": "a", "a": "a"}, {"": "a", "a": ""}, {"": "a", "a": "b", "b": "a"}],
    ids=["to itself", "to the first page", "in a circle of two"],
)
def test_pages_in_a_circle_end(
    site: TinyRecurly, client: RecurlyClient, following: dict[str, str], path: str
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


def test_empty_pages_without_end_end(site: TinyRecurly, client: RecurlyClient) -> None:
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


@pytest.mark.parametrize("times", [2, 1])
def test_feature_that_is_missed_in_the_middle(
    site: TinyRecurly, client: RecurlyClient, times: int
) -> None:
    """A list that has been answered has its feature: what then is said to be missing is an error.

    Whether on its second page or on the first of another part of it.
    """
    site.fill("/plans", 250)
    body = json.dumps({"error": {"type": "missing_feature", "message": None}}).encode()
    next(iter(client.pages("/plans", ASCENDING)))
    site.before = trouble_on((422, {}, body), request=times)
    with pytest.raises(RequestError, match="refuses /plans") as error:
        list(client.pages("/plans", ASCENDING))
    assert not isinstance(error.value, MissingFeatureError)


@pytest.mark.parametrize(("status", "kind"), [(408, None), (409, "simultaneous_request")])
def test_refusals_that_pass(
    site: TinyRecurly, client: RecurlyClient, status: int, kind: str | None
) -> None:
    """A timeout told by a gateway, and Recurly busy with the same thing, are tried again."""
    site.fill("/plans", 3)
    body = json.dumps({"error": {"type": kind, "message": "Busy"}}).encode()
    site.before = trouble_on((status, {}, body), request=1, times=2)
    assert len(list(client.records("/plans", ASCENDING))) == 3


def test_unchanged_is_no_redirect(site: TinyRecurly, client: RecurlyClient) -> None:
    """A cache that answers 304 unasked is said to be at fault."""
    site.before = lambda *_: (304, {}, b"")
    with pytest.raises(RequestError, match=r"/plans is said to be unchanged.*cache"):
        list(client.records("/plans", ASCENDING))


@pytest.mark.parametrize("status", [400, 401, 404])
def test_words_of_others_are_shown_with_care(
    site: TinyRecurly, client: RecurlyClient, status: int
) -> None:
    """A refusal's own words are one short line, without the key and without e-mail addresses."""
    words = "The key a-private-key\nof jo@shop.example " + "x" * 5_000
    body = json.dumps({"error": {"type": "x", "message": words}}).encode()
    site.before = lambda *_: (status, {"X-Request-Id": "r" * 900}, body)
    with pytest.raises(TapRecurlyError, match=r"The key \(secret\) of \(e-mail address\)") as error:
        list(client.records("/plans", ASCENDING))
    sentence = str(error.value)
    assert "a-private-key" not in sentence
    assert "jo@" not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 700


def test_https_where_only_http_is_spoken(site: TinyRecurly) -> None:
    """A server without TLS is not taken for one with a bad certificate."""
    client = make_client(site, api_url=site.url.replace("http:", "https:"))
    with pytest.raises(UnreachableError, match="does not speak TLS"):
        list(client.records("/plans", ASCENDING))
    client.close()


def test_refusal_without_words(site: TinyRecurly, client: RecurlyClient) -> None:
    """The type of a refusal counts, though its message is null."""
    body = json.dumps({"error": {"type": "missing_feature", "message": None}}).encode()
    site.before = lambda *_: (422, {}, body)
    with pytest.raises(MissingFeatureError, match="status 422"):
        list(client.records("/plans"))


@pytest.mark.parametrize(("wish", "pause"), [("7", 7), ("86400", 60), ("soon", 0.0)])
def test_server_that_names_the_time_to_return(site: TinyRecurly, wish: str, pause: float) -> None:
    """A 503 with Retry-After is left alone for so long, but no longer than a minute."""
    site.fill("/plans", 3)
    site.before = trouble_on((503, {"Retry-After": wish}, b""), request=1)
    pauses: list[float] = []
    settings = Settings.from_config({"api_key": "a-private-key", "api_url": site.url})
    at_once = RetryPolicy(max_backoff_seconds=0, min_interval_seconds=0)
    client = RecurlyClient(settings, retry=at_once, sleep=pauses.append, clock=lambda: sum(pauses))
    assert len(list(client.records("/plans", ASCENDING))) == 3
    assert pauses == [pause]
    client.close()


@pytest.mark.parametrize("following", [None, "", "/plans?sort=updated_at&order=asc&limit=200"])
def test_list_that_does_not_go_on(
    site: TinyRecurly, client: RecurlyClient, following: str | None
) -> None:
    """A list with more but nowhere to go, or back to itself, is an error, not an end or a loop."""
    body = json.dumps({"has_more": True, "next": following, "data": []}).encode()
    site.before = lambda *_: (200, {}, body)
    with pytest.raises(UnreachableError):
        list(client.records("/plans", ASCENDING))


def test_pages_that_time_out_get_smaller(site: TinyRecurly) -> None:
    """After repeated timeouts a page is asked for in halves, and nothing is left out."""
    site.fill("/plans", 250)

    def too_heavy(_method: str, _path: str, params: dict[str, str]) -> Answer | None:
        # Half an answer and then silence, as a gateway does with what takes it too long.
        return TRUNCATED if int(params["limit"]) > 100 else None

    site.before = too_heavy
    client = make_client(site, request_timeout=1)
    assert len(list(client.records("/plans", ASCENDING))) == 250
    client.close()


def test_size_that_arrived_in_time_is_remembered(site: TinyRecurly) -> None:
    """What one read of a list has learned of its pages the next does not pay for again."""
    site.fill("/plans", 250)
    site.before = lambda _method, _path, params: TRUNCATED if int(params["limit"]) > 100 else None
    client = make_client(site, request_timeout=1)
    for _ in range(2):
        assert len(list(client.records("/plans", ASCENDING))) == 250
    limits = [params["limit"] for _, _, params in site.requests]
    assert limits == ["200"] * TIMEOUTS_BEFORE_SMALLER_PAGE + ["100"] * 6
    client.close()


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


def test_deprecation_is_said_once(
    site: TinyRecurly, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A version about to go is one warning, however many answers say so."""
    body = json.dumps({"has_more": False, "data": []}).encode()
    headers = {"Recurly-Deprecated": "TRUE", "Recurly-Sunset-Date": "2030-01-01"}
    site.before = lambda *_: (200, headers, body)
    for _ in range(3):
        list(client.records("/plans", ASCENDING))
    (warning,) = caplog.records
    assert "v2021-02-25 on 2030-01-01" in warning.message
