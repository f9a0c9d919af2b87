"""The SDK's standard tests of a tap, for every stream, run on the sandbox's Recurly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from recurly_klaviyo_sandbox.business import Business
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.server import LocalServer
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Iterator

# Rows of the sandbox do not fill every field that a schema declares; none has to.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Fields in transformed catalog but not in records"),
    pytest.mark.filterwarnings("ignore:No records were available to test"),
]

CONFIG: dict[str, Any] = {"api_key": "sandbox-recurly-key", "subdomain": "sandbox-merchant"}


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> Iterator[None]:
    """Serve half a year of a small merchant's life."""
    clock = Clock(behind=timedelta(days=3))
    business = Business(start=datetime.now(timezone.utc) - timedelta(days=180), accounts=40)
    business.run_until(clock.now())
    for plan in business.catalog.plans:
        for add_on in plan.add_ons:
            add_on.metered = True
    with LocalServer(RecurlySite(clock, business).app) as server:
        CONFIG["api_url"] = server.url
        yield


def _everything() -> dict[str, Any]:
    """A catalog with every stream selected, those per parent too."""
    catalog: dict[str, Any] = TapRecurly(config=CONFIG).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            item["metadata"]["selected"] = True
    return catalog


TestTapRecurly = get_tap_test_class(
    TapRecurly,
    config=CONFIG,
    suite_config=SuiteConfig(max_records_limit=50),
    catalog=_everything(),
)
