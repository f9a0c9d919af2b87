"""What is sent is what Klaviyo's published OpenAPI document allows, unknown fields forbidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastjsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target_klaviyo.conftest import Samples, Site

DOCUMENT = Path(__file__).parents[3] / "shared/openapi/klaviyo-2026-07-15-strict.json"


@pytest.fixture(scope="module")
def validators() -> dict[str, Callable[[Any], Any]]:
    """A validator per path of the OpenAPI document."""
    if not DOCUMENT.exists():
        pytest.skip("Klaviyo's OpenAPI document is not beside the repository.")
    document = json.loads(DOCUMENT.read_text().replace("#/components/schemas/", "#/definitions/"))
    definitions = _nullable(document["components"]["schemas"])
    return {
        path: fastjsonschema.compile(
            {
                "definitions": definitions,
                **methods["post"]["requestBody"]["content"]["application/vnd.api+json"]["schema"],
            }
        )
        for path, methods in document["paths"].items()
        if path
        in {
            "/api/event-bulk-create-jobs",
            "/api/profile-bulk-import-jobs",
            "/api/profile-import",
        }
    }


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [_nullable(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _nullable(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def test_every_request_fits_the_published_schema(
    site: Site, sample: Samples, validators: dict[str, Callable[[Any], Any]]
) -> None:
    """Events, merged profiles, cleared fields and list members all make valid bodies."""
    members = site.account.add_list("Customers")
    person = {
        "email": "Ada@shop.io",
        "phone_number": "+1 (500) 555-0006",
        "external_id": 7,
        "first_name": "Ada",
        "last_name": None,
        "location": {"city": "Lund", "latitude": 55.7, "zip": None},
        "properties": {"Plan": "Gold", "Card": None},
        "_sdc_sequence": 1,
    }
    site.events(
        sample.event(1, profile=person),
        sample.event(2, profile={**person, "title": "CEO"}, value=None, value_currency=None),
        sample.event(3, time="2001-01-01"),
        sample.event(4, profile={"id": "01GDDKASAP8TKDDA2GRZDSVP4H"}),
    )
    site.profiles(
        sample.profile(1),
        sample.profile(1, properties={"Plan": None, "Überraschung": [1, {"a": None}]}),
        sample.profile(2, location=None),
        {"id": "01GDDKASAP8TKDDA2GRZDSVP4H", "properties": {"A": 1}},
        person,
        list_id=members.id,
        max_reject_percent=100,
    )
    sent = [request for request in site.recorder.requests if request.method == "POST"]
    assert {request.path for request in sent} == set(validators)
    for request in sent:
        validators[request.path](json.loads(request.body))
