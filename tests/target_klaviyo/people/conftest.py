"""Surroundings of tests about people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site


@pytest.fixture
def site(site: Site) -> Site:
    """An account that merges profiles between two requests."""
    site.account.options.merge_duration = timedelta(0)
    return site
