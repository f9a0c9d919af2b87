"""Questions as Klaviyo documents them, and answers read whatever is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.audit.found import (
    events_call,
    found_events,
    found_profiles,
    metric_ids,
    read_events,
    read_metrics,
)
from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo import json_api
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import Answer
from target_klaviyo.klaviyo.exchange import Api
from target_klaviyo.klaviyo.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_klaviyo.klaviyo.endpoints import Call

RECORDED = Path(__file__).parents[4] / "shared" / "recorded" / "klaviyo"


def test_the_events_question() -> None:
    """The next page repeats the question with a cursor."""
    call = events_call("AbC123", 1_774_738_800, 1_774_821_600, "xyz")
    assert call.query["filter"] == (
        'equals(metric_id,"AbC123"),greater-or-equal(datetime,2026-03-28T23:00:00+00:00),'
        "less-than(datetime,2026-03-29T22:00:00+00:00)"
    )
    assert call.query["page[cursor]"] == "xyz"
    assert call.query["sort"] == "datetime"


@given(st.text())
def test_quoted_strings_end_where_they_should(text: str) -> None:
    """Quotes and backslashes within are escaped, as Klaviyo's filters want them."""
    quoted = json_api.quoted(text)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    assert inner.replace("\\\\", "").replace('\\"', "").count('"') == 0
    assert inner.replace('\\"', '"').replace("\\\\", "\\") == text or "\\" in text


@pytest.mark.parametrize(
    ("integration", "read"),
    [
        ({"name": "API", "category": "API"}, "api"),
        ({"key": "api", "name": "Something"}, "api"),
        ({"key": "recurly", "name": "Recurly"}, "recurly"),
        ({"name": "Api Gateway"}, "api gateway"),
        (None, ""),
    ],
)
def test_whose_a_metric_is(integration: Any, read: str) -> None:
    """The integration named API is ours, another is not, none at all may be."""
    document = {"data": [{"id": "M1", "attributes": {"name": "Paid", "integration": integration}}]}
    assert list(read_metrics(document)) == [("Paid", "M1", read)]


def test_an_event_is_read_with_its_profile() -> None:
    """Amount, unique_id and identifiers come from where Klaviyo puts them."""
    event = {
        "type": "event",
        "id": "E1",
        "attributes": {
            "timestamp": 1_774_738_800,
            "event_properties": {"$value": 9.5, "$value_currency": "EUR", "$event_id": "u-1"},
        },
        "relationships": {"profile": {"data": {"type": "profile", "id": "P1"}}},
    }
    profile = {"type": "profile", "id": "P1", "attributes": {"email": "Ada@Shop.io"}}
    (found,) = read_events({"data": [event], "included": [profile]})
    assert (found.value, found.currency, found.unique_id, found.time) == (
        9.5,
        "EUR",
        "u-1",
        1_774_738_800,
    )
    assert found.person == {"id": "P1", "email": "ada@shop.io"}


def test_recorded_events_give_what_was_sent() -> None:
    """Klaviyo's own answer shows unique_id, amount and person; no value sent shows as 0."""
    if not RECORDED.is_dir():
        pytest.skip("The recorded answers are not beside this repository.")
    recorded = json.loads((RECORDED / "events_200.json").read_bytes())["body"]
    first, second = read_events(recorded)
    assert (first.unique_id, first.value, first.currency) == ("invented-unique-1", 3.0, "EUR")
    assert (first.time, first.person["email"]) == (1790841655, "ann@invented.io")
    assert (second.unique_id, second.value, second.currency) == ("invented-unique-2", 0.0, None)


EVENT = {"type": "event", "id": "E1"}


@pytest.mark.parametrize(
    ("read", "document"),
    [
        ("events", {"data": [{**EVENT, "attributes": {}}]}),
        ("events", {"data": [{**EVENT, "attributes": {"datetime": "soon"}}]}),
        ("events", {"data": [{**EVENT, "attributes": {"timestamp": 1e300}}]}),
        ("events", {"data": [], "links": {"next": "http://[x"}}),
        ("metrics", {"data": [], "links": {"next": "http://[x"}}),
        ("profiles", {"data": [], "links": {"next": "http://[x"}}),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_ends_the_audit_with_a_sentence(
    read: str, document: Any
) -> None:
    """What cannot be read is never taken for nothing, and never a traceback."""
    policy = RetryPolicy("http://klaviyo.invalid", safe="nothing was changed")
    api = Api(OneAnswer(document), wait=lambda _: None, retry_policy=policy)
    questions: dict[str, Callable[[], object]] = {
        "events": lambda: list(found_events(api, "M1", 0, 1)),
        "metrics": lambda: metric_ids(api),
        "profiles": lambda: found_profiles(api, [("email", "ada@shop.io")]),
    }
    with pytest.raises(KlaviyoError, match="endpoint answers cannot be read"):
        questions[read]()


class OneAnswer(Client):
    """Klaviyo that has one answer to everything."""

    def __init__(self, document: Any) -> None:
        super().__init__(api_url="http://klaviyo.invalid", api_key="k", revision="r", timeout=1)
        self._document = document

    def send(self, call: Call) -> Answer:
        """The answer."""
        del call
        return Answer(200, {}, orjson.dumps(self._document))
