"""What about this Recurly site can be chosen: its pace, and every fact nobody verified."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  (the fields' types are read at run time)
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal


@dataclass(slots=True)
class Options:
    """What Recurly leaves open or sites differ in. All may be changed while the site serves."""

    per_minute: int = 1000
    """A fifth of the five-minute budget: 1,000 for production sites, 400 for sandbox sites."""

    mode: Literal["production", "sandbox", "development"] = "production"
    """A sandbox site counts requests of every kind, a production site only GET."""

    embedded_line_items: int = 500
    """How many line items an invoice embeds; the others are only in its own list."""

    sub_second: bool = True
    """Whether times are stored with fractions of a second, which are not shown."""

    commit_lag: timedelta = timedelta(0)
    """A row becomes visible up to so long after the time it bears."""

    head_counts: bool = True
    """Whether HEAD counts as GET does (unverified)."""

    retry_after: bool = True
    """Whether a 429 carries Retry-After (Recurly's pages disagree)."""

    errors_carry_limits: bool = True
    """Whether error answers carry the X-RateLimit headers."""

    absolute_next: bool = False
    """Whether `next` is a whole URL, as the prose says, or a path, as the clients expect."""

    wrong_key_status: Literal[401, 403] = 401
    """401 unauthorized or 403 invalid_api_key for a key that does not exist (unverified)."""

    compress: bool = True
    """Whether gzip is answered to those who accept it."""

    deprecated: bool = False
    """Whether answers announce that the API version will be switched off."""

    missing_features: set[str] = field(default_factory=set)
    """Path templates, as `/gift_cards`, of features the site does not have."""

    forbidden: set[str] = field(default_factory=set)
    """Path templates that the key may not read."""

    advance_per_request: timedelta = timedelta(0)
    """How far the clock is moved by each request."""

    before_each_request: Callable[[], None] | None = None
    """Called before each request is answered: a hand that changes records between pages."""
