"""The client and a network that fails: tried again, within bounds, or one clear sentence."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from tap_recurly.config import Settings
from tap_recurly.errors import (
    ApiVersionError,
    BudgetError,
    MissingFeatureError,
    NotFoundError,
    RequestError,
    TapRecurlyError,
    UnreachableError,
)
from tap_recurly.http.client import RecurlyClient
from tap_recurly.http.queries import ASCENDING
from tap_recurly.http.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

HTML = b"<html>Bad gateway</html>"
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
def test_passing_trouble_is_survived(site: HandmadeSite, client: RecurlyClient, name: str) -> None:
    """Trouble on a later page is tried again, and the list is complete."""
    site.fill("/plans", 500)
    site.before = trouble_on(TROUBLES[name], request=2, times=2)
    ids = [row["id"] for row in client.records("/plans", ASCENDING)]
    assert ids == [f"plans-{index}" for index in range(500)]


def test_lasting_trouble_ends_in_bounds(site: HandmadeSite, client: RecurlyClient) -> None:
    """A request that always fails is given up after the agreed number of tries."""
    site.fill("/plans", 500)
    site.before = trouble_on((503, {}, b""), request=2, times=99)
    with pytest.raises(UnreachableError, match=r"in 4 tries.*503, request id req-1"):
        list(client.records("/plans", ASCENDING))
    assert len(site.requests) == 1 + 4


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (400, RequestError)])
def test_refusal_within_a_list_is_no_quiet_end(
    site: HandmadeSite, client: RecurlyClient, status: int, kind: type[TapRecurlyError]
) -> None:
    """A 404 or 400 on page two is an error at once, with Recurly's own words."""
    site.fill("/plans", 500)
    body = json.dumps({"error": {"type": "validation", "message": "Cursor is odd."}}).encode()
    site.before = trouble_on((status, {}, body), request=2)
    with pytest.raises(kind, match="Cursor is odd, request id req-1"):
        list(client.records("/plans", ASCENDING))
    assert len(site.requests) == 2


def test_answers_without_a_date(
    site: HandmadeSite, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a Date the machine's own clock serves, and that is said once."""
    site.fill("/plans", 3)
    headers = {"Date": "", "Recurly-Total-Records": "3"}
    site.before = lambda *_: (200, headers, b"")
    for _ in range(3):
        present = client.count("/plans", ASCENDING).server_time
        assert abs(present - datetime.now(timezone.utc)) < timedelta(seconds=5)
    (warning,) = caplog.records
    assert "this machine's clock" in warning.message


@pytest.mark.parametrize("status", [405, 501])
def test_head_that_fails_is_no_fault(
    site: HandmadeSite, client: RecurlyClient, status: int
) -> None:
    """Where HEAD is refused, GET tells what it does, and HEAD is not tried for ever."""
    site.fill("/plans", 3)
    site.before = lambda method, *_: (status, {}, b"") if method == "HEAD" else None
    for _ in range(5):
        assert client.count("/plans", ASCENDING).server_time == site.now
    assert [method for method, _, _ in site.requests].count("HEAD") == 2


def test_head_that_breaks_is_given_up_soon(site: HandmadeSite, client: RecurlyClient) -> None:
    """HEADs that fail as if the site did are sent twice each, for two lists, then no more."""
    site.fill("/plans", 3)
    site.before = lambda method, *_: (500, {}, b"") if method == "HEAD" else None
    for _ in range(5):
        assert client.count("/plans", ASCENDING).server_time == site.now
    assert [method for method, _, _ in site.requests].count("HEAD") == 4


def test_head_that_fails_for_a_moment_is_asked_again(
    site: HandmadeSite, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """One list whose HEAD failed does not keep the others from being counted, and is no news."""
    site.fill("/plans", 3)
    site.before = trouble_on((500, {}, b""), request=1, times=2)
    assert [client.count("/plans", ASCENDING).row_count for _ in range(3)] == [None, 3, 3]
    assert [method for method, _, _ in site.requests].count("HEAD") == 4
    assert "does not count" not in caplog.text


def test_head_that_does_not_count_is_told(
    site: HandmadeSite, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Answers to HEAD that give no number of rows are one warning."""
    site.before = lambda method, *_: (200, {}, b"") if method == "HEAD" else None
    for _ in range(3):
        assert client.count("/plans", ASCENDING).row_count is None
    (warning,) = caplog.records
    assert "HEAD does not count rows" in warning.message


def test_list_that_is_gone_amid_its_read_blames_no_setting(
    site: HandmadeSite, client: RecurlyClient
) -> None:
    """A 404 for a list's second page speaks of the list, not of the URL that gave the first."""
    site.fill("/plans", 300)
    site.before = trouble_on((404, {}, b""), request=2)
    with pytest.raises(NotFoundError, match="no longer anything at /plans") as fault:
        list(client.records("/plans", ASCENDING))
    assert "api_url" not in str(fault.value)


def test_wait_of_an_hour_is_told(site: HandmadeSite, client: RecurlyClient) -> None:
    """A 429 that asks for a longer wait than a run has ends it, and says how long that is."""
    site.before = lambda *_: (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(BudgetError, match="429, asks to wait 3,600 s"):
        list(client.records("/plans", ASCENDING))


@pytest.mark.parametrize(
    ("status", "kind"), [(406, "invalid_api_version"), (406, ""), (400, "invalid_api_version")]
)
def test_version_that_recurly_has_given_up(
    site: HandmadeSite, client: RecurlyClient, status: int, kind: str
) -> None:
    """A version that is no longer spoken asks for a newer tap, not for another run."""
    body = json.dumps({"error": {"type": kind, "message": "Gone."}}).encode()
    site.before = trouble_on((status, {}, body), request=1)
    with pytest.raises(ApiVersionError, match=r"v2021-02-25.*install a newer tap-recurly"):
        list(client.records("/plans", ASCENDING))


def test_redirects_are_not_followed(site: HandmadeSite, client: RecurlyClient) -> None:
    """An answer that points elsewhere is an error: the key stays here."""
    site.before = trouble_on((302, {"Location": "http://127.0.0.1:1/"}, b""), request=1)
    with pytest.raises(RequestError, match="redirected"):
        list(client.records("/plans", ASCENDING))


@pytest.mark.parametrize("times", [2, 1])
def test_feature_that_is_missed_in_the_middle(
    site: HandmadeSite, client: RecurlyClient, times: int
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
    site: HandmadeSite, client: RecurlyClient, status: int, kind: str | None
) -> None:
    """A timeout told by a gateway, and Recurly busy with the same thing, are tried again."""
    site.fill("/plans", 3)
    body = json.dumps({"error": {"type": kind, "message": "Busy"}}).encode()
    site.before = trouble_on((status, {}, body), request=1, times=2)
    assert len(list(client.records("/plans", ASCENDING))) == 3


def test_unchanged_is_no_redirect(site: HandmadeSite, client: RecurlyClient) -> None:
    """A cache that answers 304 unasked is said to be at fault."""
    site.before = lambda *_: (304, {}, b"")
    with pytest.raises(RequestError, match=r"/plans is said to be unchanged.*cache"):
        list(client.records("/plans", ASCENDING))


@pytest.mark.parametrize("status", [400, 401, 404])
def test_words_of_others_are_shown_with_care(
    site: HandmadeSite, client: RecurlyClient, status: int
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


def test_https_where_only_http_is_spoken(
    site: HandmadeSite, new_client: Callable[..., RecurlyClient]
) -> None:
    """A server without TLS is not taken for one with a bad certificate."""
    client = new_client(api_url=site.url.replace("http:", "https:"))
    with pytest.raises(UnreachableError, match="does not speak TLS"):
        list(client.records("/plans", ASCENDING))


def test_refusal_without_words(site: HandmadeSite, client: RecurlyClient) -> None:
    """The type of a refusal counts, though its message is null."""
    body = json.dumps({"error": {"type": "missing_feature", "message": None}}).encode()
    site.before = lambda *_: (422, {}, body)
    with pytest.raises(MissingFeatureError, match="status 422"):
        list(client.records("/plans"))


IN_A_MINUTE = "Sat, 01 Jun 2024 12:01:00"


@pytest.mark.parametrize(
    ("wish", "pause"),
    [
        ("7", 7),
        ("86400", 60),
        ("soon", 0.0),
        ("\u00b2", 0.0),
        *((IN_A_MINUTE + zone, 60) for zone in (" GMT", "", " -0000")),
    ],
)
def test_server_that_names_the_time_to_return(site: HandmadeSite, wish: str, pause: float) -> None:
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


@pytest.mark.parametrize("encoding", ["gzip", "gzip, identity", "x-gzip"])
@pytest.mark.parametrize("streams", [1, 2, 3])
def test_body_that_a_proxy_has_packed(
    site: HandmadeSite, client: RecurlyClient, encoding: str, streams: int
) -> None:
    """A page may come in several gzip streams, and under any name of gzip's."""
    body = json.dumps({"has_more": False, "data": [{"id": "a" * 500}]}).encode()
    size = len(body) // streams + 1
    packed = b"".join(gzip.compress(body[at : at + size]) for at in range(0, len(body), size))
    site.before = lambda *_: (200, {"Content-Encoding": encoding}, packed)
    assert list(client.records("/plans", ASCENDING)) == [{"id": "a" * 500}]


def test_deprecation_is_said_once(
    site: HandmadeSite, client: RecurlyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A version about to go is one warning, however many answers say so."""
    body = json.dumps({"has_more": False, "data": []}).encode()
    headers = {"Recurly-Deprecated": "TRUE", "Recurly-Sunset-Date": "2030-01-01"}
    site.before = lambda *_: (200, headers, body)
    for _ in range(3):
        list(client.records("/plans", ASCENDING))
    (warning,) = caplog.records
    assert "v2021-02-25 on 2030-01-01" in warning.message
