"""Questions as Klaviyo documents them, and answers read whatever is left out."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.audit import profiles, queries
from target_klaviyo.audit.inquiry import Inquiry
from target_klaviyo.audit.timezones import Amount
from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import Answer
from target_klaviyo.klaviyo.exchange import Api

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_klaviyo.klaviyo.endpoints import Call

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def test_the_aggregates_question() -> None:
    """One metric, one range with offsets, days of one zone; nothing the reference lacks."""
    call = queries.aggregates("AbC123", 1_774_738_800, 1_774_821_600, "Europe/Stockholm", None)
    assert call.endpoint.method == "POST"
    assert orjson.loads(call.body or b"") == {
        "data": {
            "type": "metric-aggregate",
            "attributes": {
                "metric_id": "AbC123",
                "measurements": ["count", "sum_value"],
                "interval": "day",
                "filter": [
                    "greater-or-equal(datetime,2026-03-28T23:00:00+00:00)",
                    "less-than(datetime,2026-03-29T22:00:00+00:00)",
                ],
                "timezone": "Europe/Stockholm",
            },
        }
    }


def test_the_events_question() -> None:
    """The next page repeats the question with a cursor."""
    call = queries.events("AbC123", 1_774_738_800, 1_774_821_600, "xyz")
    assert call.query["filter"] == (
        'equals(metric_id,"AbC123"),greater-or-equal(datetime,2026-03-28T23:00:00+00:00),'
        "less-than(datetime,2026-03-29T22:00:00+00:00)"
    )
    assert call.query["page[cursor]"] == "xyz"
    assert call.query["sort"] == "datetime"


@given(st.text())
def test_quoted_strings_end_where_they_should(text: str) -> None:
    """Quotes and backslashes within are escaped, as Klaviyo's filters want them."""
    quoted = queries.quoted(text)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    assert inner.replace("\\\\", "").replace('\\"', "").count('"') == 0
    assert inner.replace('\\"', '"').replace("\\\\", "\\") == text or "\\" in text


@pytest.mark.parametrize(
    ("integration", "from_api", "unattributed"),
    [
        ({"name": "API", "category": "API"}, True, False),
        ({"key": "api", "name": "Something"}, True, False),
        ({"key": "recurly", "name": "Recurly"}, False, False),
        ({"name": "Api Gateway"}, False, False),
        (None, False, True),
    ],
)
def test_whose_a_metric_is(integration: Any, from_api: bool, unattributed: bool) -> None:  # noqa: FBT001  (a table's column)
    """The integration named API is ours, another is not, none at all may be."""
    document = {"data": [{"id": "M1", "attributes": {"name": "Paid", "integration": integration}}]}
    (metric,) = queries.read_metrics(document)
    assert (metric.from_api, metric.unattributed) == (from_api, unattributed)


@pytest.mark.parametrize(
    "measurements",
    [
        {"count": [1.0, 2.0], "sum_value": [10.0, 20.5]},
        {"count": [1, 2], "sum_value": [10, 20.5]},
    ],
)
def test_aggregates_are_read_by_day(measurements: dict[str, Any]) -> None:
    """Counts are whole, sums are not."""
    labels = ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"]
    attributes = {"dates": labels, "data": [{"dimensions": [], "measurements": measurements}]}
    assert dict(queries.read_aggregates({"data": {"attributes": attributes}}, STOCKHOLM)) == {
        date(2026, 3, 28): Amount(1, 10.0),
        date(2026, 3, 29): Amount(2, 20.5),
    }


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"data": None},
        {"data": {"attributes": {"dates": [], "data": []}}},
        {"data": {"attributes": {"dates": ["2026-03-28"], "data": [{"measurements": {}}]}}},
        {
            "data": {
                "attributes": {"dates": ["2026-03-28"], "data": [{"measurements": {"count": None}}]}
            }
        },
    ],
)
def test_a_metric_without_counts_counts_as_nothing(document: Any) -> None:
    """Whatever Klaviyo leaves out is no event."""
    found = list(queries.read_aggregates(document, STOCKHOLM))
    assert all(amount == Amount() for _, amount in found)


def test_an_event_is_read_with_its_profile() -> None:
    """Value, key and identifiers come from where Klaviyo puts them."""
    event = {
        "type": "event",
        "id": "E1",
        "attributes": {
            "timestamp": 1_774_738_800,
            "event_properties": {"Recurly ID": 77, "$value": 9.5, "$event_id": "u-1"},
        },
        "relationships": {"profile": {"data": {"type": "profile", "id": "P1"}}},
    }
    profile = {"type": "profile", "id": "P1", "attributes": {"email": "Ada@Shop.io"}}
    (found,) = queries.read_events({"data": [event], "included": [profile]}, "Recurly ID")
    assert (found.key, found.value, found.unique_id, found.time) == (
        "77",
        9.5,
        "u-1",
        1_774_738_800,
    )
    assert found.who == {"id": "P1", "email": "ada@shop.io"}


@given(st.lists(st.text(min_size=1, max_size=60), max_size=300), st.integers(1, 100))
def test_lookups_are_batched_within_both_limits(values: list[str], most: int) -> None:
    """Every value is asked for once; no question is longer than a URL may be."""
    found = list(profiles.batches([("email", value) for value in values], most, 500))
    assert [value for _, batch in found for value in batch] == list(dict.fromkeys(values))
    assert all(len(batch) <= most for _, batch in found)
    assert all(len(batch) == 1 or sum(map(len, batch)) <= 500 for _, batch in found)


EVENT = {"type": "event", "id": "E1"}


@pytest.mark.parametrize(
    ("read", "document"),
    [
        ("by_day", {"data": {"attributes": {"dates": 7, "data": []}}}),
        ("by_day", {"data": {"attributes": {"dates": "2026-03-28", "data": []}}}),
        ("by_day", {"data": {"attributes": {"dates": ["soon"], "data": [{}]}}}),
        ("by_day", {"data": {"attributes": {"dates": [], "data": {"a": 1}}}}),
        (
            "by_day",
            {"data": {"attributes": {
                "dates": ["2026-03-28"], "data": [{"measurements": {"count": ["many"]}}],
            }}},
        ),
        ("by_day", {"data": {"attributes": {"dates": []}}, "links": {"next": "http://[x"}}),
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
    inquiry = Inquiry(Api(OneAnswer(document), wait=lambda _: None))
    day = date(2026, 3, 28)
    questions: dict[str, Callable[[], object]] = {
        "by_day": lambda: inquiry.by_day("M1", day, day, STOCKHOLM),
        "events": lambda: list(inquiry.events("M1", 0, 1, "Recurly ID")),
        "metrics": inquiry.metrics,
        "profiles": lambda: inquiry.profiles([("email", "ada@shop.io")]),
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
