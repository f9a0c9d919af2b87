"""The SDK's standard tests for targets."""

from __future__ import annotations

import pytest
from singer_sdk.testing import get_target_test_class

from target_klaviyo.target import TargetKlaviyo

StandardTests = get_target_test_class(TargetKlaviyo, config={"api_key": "not-needed"})


@pytest.mark.filterwarnings("default")
class TestTargetKlaviyo(StandardTests):  # type: ignore[valid-type, misc]  # built at run time
    """The target is a Singer target like any other."""
