"""The published OpenAPI document as a second judge, of requests and of answers.

A cut of it, with unknown fields forbidden as in the live API, lies beside the repository on
machines that have it; elsewhere these tests are skipped.
"""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastjsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.klaviyo import diagnosis, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from msgspec import Struct
    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]
DOCUMENT = Path(__file__).resolve().parents[4] / "shared/openapi/klaviyo-2026-07-15-strict.json"


@cache
def _document() -> dict[str, Any]:
    if not DOCUMENT.exists():
        pytest.skip("Klaviyo's OpenAPI document is not beside this repository.")
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return document


def _plain(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, formats are left to the sandbox."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"].replace("#/components/schemas/", "#/definitions/")}
    kept = {
        name: _plain(value)
        for name, value in node.items()
        if name not in {"nullable", "example", "description", "default", "format"}
        or isinstance(value, dict)
    }
    if node.get("nullable") is True:
        return {"anyOf": [kept, {"type": "null"}]}
    return kept


@cache
def _validator(schema: str) -> Callable[[Any], Any]:
    """A validator of a schema given as JSON, with the document's definitions."""
    definitions = {
        name: _plain(found) for name, found in _document()["components"]["schemas"].items()
    }
    compiled: Callable[[Any], Any] = fastjsonschema.compile(
        {**_plain(json.loads(schema)), "definitions": definitions}
    )
    return compiled


def _operation(name: str) -> Any:
    method, path = name.split()
    return _document()["paths"][path][method]


def _accepts(name: str, body: Any) -> bool:
    content = _operation(name)["requestBody"]["content"]["application/vnd.api+json"]
    try:
        _validator(json.dumps(content["schema"]))(body)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def _fits(shape: type[Struct], body: Any) -> bool:
    return not diagnosis.problems(body, shape)


def _profile(*, meta_inside: bool = False, **more: Any) -> dict[str, Any]:
    patch = {"append": {"a": [1]}, "unappend": None, "unset": ["x"]}
    meta = {"patch_properties": patch, "patch_identifiers": {"append": {}}}
    location = {"city": "Umeå", "latitude": 63.8, "longitude": "20.2", "zip": None}
    attributes = {
        "email": "ann@shop.se",
        "phone_number": None,
        "first_name": "Ann",
        "location": location,
        "properties": {"Plan": "gold", "n": None},
    }
    if meta_inside:
        return {"type": "profile", "attributes": {**attributes, "meta": meta}, **more}
    return {"type": "profile", "attributes": attributes, "meta": meta, **more}


def _event(**more: Any) -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": "Paid", "service": None}}}
    return {
        "type": "event",
        "attributes": {
            "properties": {"a": 1},
            "time": "2026-11-01T10:00:00Z",
            "value": 1.5,
            "value_currency": "SEK",
            "unique_id": "one",
            "backfill": True,
            "metric": metric,
            **more,
        },
    }


def _bulk() -> dict[str, Any]:
    attributes = {"profile": {"data": _profile()}, "events": {"data": [_event(), _event()]}}
    entry = {"type": "event-bulk-create", "attributes": {**attributes, "backfill": False}}
    entries = {"events-bulk-create": {"data": [entry]}}
    return {"data": {"type": "event-bulk-create-job", "attributes": entries}}


def _import() -> dict[str, Any]:
    lists_ = {"lists": {"data": [{"type": "list", "id": "L"}]}}
    attributes = {"profiles": {"data": [_profile(), _profile(id="P")]}}
    job = {"type": "profile-bulk-import-job", "attributes": attributes, "relationships": lists_}
    return {"data": job}


def _merge() -> dict[str, Any]:
    sources = {"profiles": {"data": [{"type": "profile", "id": "P"}]}}
    return {"data": {"type": "profile-merge", "id": "Q", "relationships": sources}}


def _create() -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": _profile()["attributes"]}}


# Per operation: a body that uses most of what the schema allows, and the sandbox's shape.
BODIES: dict[str, tuple[Callable[[], dict[str, Any]], type[Struct]]] = {
    "post /api/events": (
        lambda: {"data": _event(profile={"data": _profile(meta_inside=True)})},
        shapes.EventBody,
    ),
    "post /api/event-bulk-create-jobs": (_bulk, shapes.EventJobBody),
    "post /api/profile-bulk-import-jobs": (_import, shapes.ImportJobBody),
    "post /api/profile-import": (lambda: {"data": _profile(id="P")}, shapes.ImportedProfileBody),
    "post /api/profiles": (_create, shapes.NewProfileBody),
    "patch /api/profiles/{id}": (lambda: {"data": _profile(id="P")}, shapes.ChangedProfileBody),
    "post /api/profile-merge": (_merge, shapes.MergeBody),
}


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    return [path, *(place for name, item in items for place in _places(item, (*path, name)))]


_VALUES: list[Any] = [None, True, 0, -1, 1.5, 2.0, "", "x", "event", [], {}, ["x"], [1], [None]]


@st.composite
def _mutations(draw: st.DrawFn) -> tuple[str, Any]:
    """The name of an operation and a body for it that one to three changes may have spoilt."""
    name = draw(st.sampled_from(sorted(BODIES)))
    body: Any = BODIES[name][0]()
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in _places(body) if place]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        parent = body
        for step in way:
            parent = parent[step]
        change = draw(st.sampled_from(["replace", "remove", "add", "repeat"]))
        if change == "replace":
            parent[last] = copy.deepcopy(draw(st.sampled_from(_VALUES)))
        elif change == "remove":
            del parent[last]
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        else:
            added = draw(st.sampled_from(["extra", "id", "meta", "type", "_kx", "title", "by"]))
            parent[added] = copy.deepcopy(draw(st.sampled_from(_VALUES)))
    return name, body


def _check_agreement(name: str, body: Any) -> None:
    assert _fits(BODIES[name][1], body) == _accepts(name, body)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_good_bodies_are_good_to_both(name: str) -> None:
    """Bodies that use all that is allowed pass the schema and the sandbox."""
    build, shape = BODIES[name]
    assert _accepts(name, build())
    assert _fits(shape, build())


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=_mutations())
def test_the_sandbox_and_the_schema_agree_on_shapes(case: tuple[str, Any]) -> None:
    """A body is misshapen to the sandbox exactly when it is to the published schema."""
    _check_agreement(*case)


@pytest.mark.slow
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(case=_mutations())
def test_what_the_schema_refuses_is_refused(client: Client, case: tuple[str, Any]) -> None:
    """Over HTTP, too, no body that the published schema refuses gets through, and none breaks."""
    name, body = case
    method, path = name.split()
    response = client.call(method.upper(), path.replace("{id}", "P"), json=body)
    assert response.status_code in {200, 201, 202, 400, 404, 409}
    if not _accepts(name, body):
        assert response.status_code == 400
        assert all(error["source"]["pointer"] for error in response.json()["errors"])


@pytest.mark.campaign
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=_mutations())
def test_they_agree_at_length(case: tuple[str, Any]) -> None:
    """The same over a long campaign."""
    _check_agreement(*case)


# What recorded answers carry and the document does not know.
RECORDED_ONLY = {
    "attributes": ("anonymous_id", "whatsapp_bsuid"),
    "relationships": ("conversation", "push-tokens"),
}


def _check_answer(name: str, response: Any) -> None:
    responses = _operation(name)["responses"]
    content = responses[str(response.status_code)].get("content")
    if content is None:
        assert response.content == b""
        return
    schema = content["application/vnd.api+json"]["schema"]
    document = response.json()
    links = document["links"]
    document["links"] = {name: link for name, link in links.items() if link}  # recorded: null
    data = document["data"]
    for resource in [*(data if isinstance(data, list) else [data]), *document.get("included", [])]:
        for group, names in RECORDED_ONLY.items():
            for each in names:
                resource.get(group, {}).pop(each, None)
    _validator(json.dumps(schema))(document)


# What this account has none of: the sandbox refuses to be asked for it.
ABSENT = re.compile(
    r"flow|tag|conversation|push-token|segment|suppression|profile_count"
    r"|include lists|profile.*fields\[list\]"
)


def _parameters(name: str) -> dict[str, list[str]]:
    """The values an operation documents for its query parameters, of those that list any."""
    schemas = {each["name"]: each["schema"] for each in _operation(name)["parameters"]}
    listed = {
        parameter: schema.get("enum") or schema.get("items", {}).get("enum")
        for parameter, schema in schemas.items()
    }
    return {parameter: values for parameter, values in listed.items() if values}


@pytest.mark.parametrize(
    "path",
    [
        "/api/accounts",
        "/api/metrics",
        "/api/events",
        "/api/profiles",
        "/api/profiles/{id}",
        "/api/profile-bulk-import-jobs/{job_id}",
        "/api/profile-bulk-import-jobs/{id}/import-errors",
        "/api/lists/{id}",
    ],
)
def test_documented_parameters_are_taken(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], path: str
) -> None:
    """What may be thinned out, sorted by or included of what there is; nothing undocumented."""
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    account.add_list("L")
    job = client.bulk_import(bodies.profile()).json()["data"]["id"]
    known = {
        "/api/profiles/{id}": client.pages("/api/profiles")[0]["id"],
        "/api/lists/{id}": "L00001",
    }
    address = path.replace("{id}", known.get(path, job)).replace("{job_id}", job)
    for parameter, values in _parameters(f"get {path}").items():
        for value in values:
            if not ABSENT.search(f"{path} {parameter} {value}"):
                response = client.call("GET", address, params={parameter: value})
                assert response.status_code == 200, response.text
        assert client.call("GET", address, params={parameter: "nonsense"}).status_code == 400


def test_answers_keep_to_the_schema(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Every endpoint's answer validates."""
    account, client = open_account()
    account.refuse_imports({"bob@shop.se": "No."})

    def post(path: str, body: Any, name: str | None = None) -> Any:
        response = client.post(path, body)
        _check_answer(name or f"post {path}", response)
        return response

    def get(path: str, name: str | None = None, **parameters: Any) -> None:
        _check_answer(name or f"get {path}", client.get(path, **parameters))

    client.send(bodies.entry(bodies.profile(), bodies.event("one", value=1), bodies.event("two")))
    post("/api/events", bodies.single(bodies.profile(), bodies.event("three")))
    account.add_list("L")
    assert post("/api/profile-import", {"data": bodies.profile("new@shop.se")}).status_code == 201
    assert post("/api/profile-import", {"data": bodies.profile("new@shop.se")}).status_code == 200
    created = post("/api/profiles", {"data": bodies.profile("newer@shop.se")}).json()["data"]
    rows = {"profiles": {"data": [bodies.profile("bob@shop.se"), bodies.profile()]}}
    job = {"data": {"type": "profile-bulk-import-job", "attributes": rows}}
    queued = post("/api/profile-bulk-import-jobs", job).json()["data"]
    path = f"/api/profile-bulk-import-jobs/{queued['id']}"
    jobs = "get /api/profile-bulk-import-jobs"
    for _ in range(3):
        get(path, f"{jobs}/{{job_id}}")
    get(f"{path}/import-errors", f"{jobs}/{{id}}/import-errors")
    get("/api/accounts")
    get("/api/metrics")
    get("/api/events", include="metric,profile", page_size=2)
    get("/api/profiles", page_size=2)
    get(f"/api/profiles/{created['id']}", "get /api/profiles/{id}")
    get("/api/lists/L00001", "get /api/lists/{id}")
    source = {
        "profiles": {"data": [{"type": "profile", "id": client.pages("/api/profiles")[0]["id"]}]}
    }
    merge = {"type": "profile-merge", "id": created["id"], "relationships": source}
    post("/api/profile-merge", {"data": merge})
    change = {"data": {"type": "profile", "id": created["id"], "attributes": {"title": "Dr"}}}
    changed = client.call("PATCH", f"/api/profiles/{created['id']}", json=change)
    _check_answer("patch /api/profiles/{id}", changed)
