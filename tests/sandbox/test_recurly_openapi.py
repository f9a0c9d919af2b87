"""What the sandbox serves and admits, held against Recurly's published OpenAPI document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from recurly_klaviyo_sandbox.recurly.documents import DOCUMENTS
from recurly_klaviyo_sandbox.recurly.endpoints import LISTINGS, PARENTS, SINGLES
from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import Business
    from recurly_klaviyo_sandbox.recurly.endpoints import Endpoint, Listing

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "openapi" / "recurly-v2021-02-25.yaml"
# Payment methods that Recurly's pages name and the document does not list yet: enums grow.
NEWER = {"acss", "becs"}
PATTERNS = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "decimal": re.compile(r"-?\d+(\.\d{1,9})?"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The published document."""
    if not DOCUMENT.exists():
        pytest.skip("Recurly's OpenAPI document is not kept in this repository and not at hand.")
    parsed: dict[str, Any] = yaml.load(DOCUMENT.read_text(), Loader=yaml.CSafeLoader)
    return parsed


class Schemas:
    """Checks values against the document. No field is required there, and any may be null."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """The node with its reference followed and the parts of its `allOf` merged."""
        while "$ref" in node:
            target: Any = self._document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            node = target
        merged = dict(node)
        for part in node.get("allOf", []):
            whole = self.resolve(part)
            merged["properties"] = {**whole.get("properties", {}), **merged.get("properties", {})}
            merged.setdefault("type", whole.get("type", "object"))
        return merged

    def problems(self, node: dict[str, Any], value: Any, where: str = "$") -> list[str]:
        """Everything about the value that the schema does not allow."""
        schema = self.resolve(node)
        if value is None:
            return []
        kind = schema.get("type", "")
        fits = isinstance(value, TYPES.get(kind, (object,)))
        if not fits or (isinstance(value, bool) and kind in {"integer", "number"}):
            return [f"{where}: {value!r} is no {kind}"]
        found = []
        if "enum" in schema and value not in schema["enum"] and value not in NEWER:
            found.append(f"{where}: {value!r} is not among {schema['enum']}")
        pattern = PATTERNS.get(schema.get("format", ""))
        # Recorded: a missing e-mail address is "".
        if pattern and isinstance(value, str) and value and not pattern.fullmatch(value):
            found.append(f"{where}: {value!r} is no {schema['format']}")
        if kind == "array":
            for number, element in enumerate(value):
                found += self.problems(schema["items"], element, f"{where}[{number}]")
        properties = schema.get("properties")
        if isinstance(value, dict) and properties:
            for name, element in value.items():
                if name in properties:
                    found += self.problems(properties[name], element, f"{where}.{name}")
                else:
                    found.append(f"{where}.{name} is unknown")
        return found

    def answer_of(self, path: str) -> dict[str, Any]:
        """The schema of an endpoint's 200 answer."""
        responses = self._document["paths"][path]["get"]["responses"]
        answer: dict[str, Any] = responses["200"]["content"]["application/json"]["schema"]
        return answer

    def query_parameters(self, path: str) -> dict[str, dict[str, Any]]:
        """The query parameters an endpoint declares, by name."""
        item = self._document["paths"][path]
        declared = item["get"].get("parameters", []) + item.get("parameters", [])
        nodes = [self.resolve(parameter) for parameter in declared]
        return {
            node["name"]: self.resolve(node["schema"]) for node in nodes if node["in"] == "query"
        }


@pytest.fixture(scope="module")
def schemas(document: dict[str, Any]) -> Schemas:
    """The document's schemas."""
    return Schemas(document)


@pytest.fixture(scope="module")
def parents(merchant: Business, merchant_site: Any) -> dict[str, list[str]]:
    """For each path parameter the ids of those who have something to show."""
    store = merchant_site.site.store
    accounts = merchant.registry.accounts()
    redeeming = [s for a in accounts for s in a.subscriptions if s.redemption]
    metered = [s for a in accounts for s in a.subscriptions if s.plan.code == "team-yearly"]
    changing = [s for a in accounts for s in a.subscriptions if s.next_plan]
    owners = accounts[:5] + [s.account for s in redeeming[:5]]
    owners += [account.parent for account in accounts if account.parent][:3]
    owners += [account for account in accounts if account.shipping][:3]
    subscriptions = redeeming[:3] + metered[-8:] + metered[:8] + changing[:3]
    invoices = merchant_site.rows("/invoices", limit=200)
    redeemed = [i["id"] for i in invoices if i["subscription_ids"] == [redeeming[0].id]]
    refunded = [i["previous_invoice_id"] for i in invoices if i["previous_invoice_id"]]
    credited_accounts = [p["account"]["id"] for p in merchant_site.rows("/credit_payments")]
    return {
        "account_id": [account.id for account in owners] + credited_accounts[:5],
        "subscription_id": [subscription.id for subscription in subscriptions],
        "add_on_id": ["code-api-calls"],
        "invoice_id": redeemed[:3] + refunded[:3],
        "transaction_id": store.ids("transactions")[:20],
        **{
            name: store.ids(resource)
            for name, resource in PARENTS.items()
            if resource in {"coupons", "external_products", "external_subscriptions"}
        },
    }


def addresses(path: str, parents: dict[str, list[str]]) -> list[str]:
    """Concrete addresses of a path template, in every combination of its parents."""
    found = [path]
    for name in re.findall(r"\{(\w+)\}", path):
        found = [a.replace(f"{{{name}}}", value) for a in found for value in parents[name]]
    return found


@pytest.mark.parametrize("endpoint", [*LISTINGS, *SINGLES, *DOCUMENTS], ids=lambda e: e.path)
def test_answers_fit_the_published_schema(
    endpoint: Endpoint, schemas: Schemas, merchant_site: Any, parents: dict[str, list[str]]
) -> None:
    """Whatever an endpoint serves has the published fields, types, formats and enum values."""
    rows = 0
    for address in addresses(endpoint.path, parents):
        response = merchant_site.ask(address)
        if response.status_code == 404:
            continue
        assert response.status_code == 200, response.text
        body = response.json()
        assert schemas.problems(schemas.answer_of(endpoint.path), body) == []
        rows += len(body.get("data", [body]))
    assert rows > 0


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda e: e.path)
def test_declared_parameters_are_the_published_ones(listing: Listing, schemas: Schemas) -> None:
    """Each list admits exactly the published query parameters, and of filters the same values."""
    published = schemas.query_parameters(listing.path)
    assert listing.declared - {"cursor"} == published.keys()
    for name, admitted in listing.filters.items():
        if isinstance(admitted, str):
            assert "enum" not in published[name]
        else:
            values = published[name].get("enum", [True, False])
            assert set(admitted) == {str(value).lower() for value in values}
    if "sort" in published:
        assert set(listing.sorts) == set(published["sort"]["enum"])


def test_every_published_list_that_the_tap_reads_is_served(document: dict[str, Any]) -> None:
    """Whatever is served is published, and no stream's list is missing."""
    served = {endpoint.path for endpoint in (*LISTINGS, *SINGLES, *DOCUMENTS)}
    assert {stream.path for stream in STREAMS} <= served <= document["paths"].keys()


def test_simulated_records_leave_no_schema_field_of_weight_out(
    schemas: Schemas, document: dict[str, Any], merchant_site: Any
) -> None:
    """Accounts, subscriptions, invoices and transactions carry nearly every published field."""
    for path, name in (
        ("/accounts", "Account"),
        ("/subscriptions", "Subscription"),
        ("/invoices", "Invoice"),
        ("/line_items", "LineItem"),
        ("/transactions", "Transaction"),
    ):
        published = schemas.resolve(document["components"]["schemas"][name])["properties"].keys()
        served = merchant_site.page(path, limit=1)["data"][0].keys()
        assert len(published - served) <= len(published) * 0.2
