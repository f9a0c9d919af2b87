"""The SDK's standard tests for targets."""

from __future__ import annotations

import io
from typing import Any

import pytest
from singer_sdk.testing import TargetTestRunner, get_target_test_class

from target_klaviyo.target import TargetKlaviyo

StandardTests = get_target_test_class(TargetKlaviyo)


@pytest.mark.filterwarnings("default")
class TestTargetKlaviyo(StandardTests):  # type: ignore[valid-type, misc]  # built at run time
    """The target is a Singer target like any other, but for one thing."""

    @pytest.fixture
    def runner(self, request: pytest.FixtureRequest) -> TargetTestRunner:
        """Streams that are neither events nor profiles end a run, unless left out by choice."""
        config: dict[str, Any] = {"api_key": "not-needed"}
        if "missing_key" not in request.node.name:  # of what is left out no key is looked at
            config["stream_maps"] = {"__else__": None}
        return TargetTestRunner(TargetKlaviyo, config=config)

    def test_target_invalid_schema(self) -> None:
        """A SCHEMA without properties, which the SDK's own refuse, is taken."""
        schema = b'{"type":"SCHEMA","stream":"any","schema":{"type":"object"},"key_properties":[]}'
        target = TargetKlaviyo(config={"api_key": "not-needed"})
        target.listen(io.BytesIO(schema))  # type: ignore[arg-type]  # bytes are read as they are
