"""The SDK's standard tests for targets."""

from __future__ import annotations

import io

import pytest
from singer_sdk.testing import get_target_test_class

from target_klaviyo.target import TargetKlaviyo

StandardTests = get_target_test_class(TargetKlaviyo, config={"api_key": "not-needed"})


@pytest.mark.filterwarnings("default")
class TestTargetKlaviyo(StandardTests):  # type: ignore[valid-type, misc]  # built at run time
    """The target is a Singer target like any other, but for one thing."""

    def test_target_invalid_schema(self) -> None:
        """A SCHEMA without properties, which the SDK's own refuse, is taken."""
        schema = b'{"type":"SCHEMA","stream":"any","schema":{"type":"object"},"key_properties":[]}'
        target = TargetKlaviyo(config={"api_key": "not-needed"})
        target.listen(io.BytesIO(schema))  # type: ignore[arg-type]  # bytes are read as they are
