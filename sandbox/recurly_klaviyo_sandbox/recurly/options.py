"""What about this Recurly site can be chosen: its pace, and every fact nobody verified."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  (the fields' types are read at run time)
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal


@dataclass(slots=True)
class Options:
    """What Recurly leaves open or sites differ in. All may be changed while the site serves."""

    # Pace.
    mode: Literal["production", "sandbox", "development"] = "production"
    per_minute: int = 1000  # documented: a fifth of five minutes' budget; 400 for sandbox sites
    head_counts: bool = True  # assumed: HEAD counts as GET does
    retry_after: bool = True  # whether a 429 carries Retry-After: Recurly's pages disagree
    errors_carry_limits: bool = True  # assumed: errors carry the X-RateLimit headers

    # Records.
    embedded_line_items: int = 500  # how many an invoice embeds; the others have their own list
    sub_second: bool = True  # assumed: times are stored finer than they are shown
    commit_lag: timedelta = timedelta(0)  # a row is seen up to so much later than its time says
    advance_per_request: timedelta = timedelta(0)  # how far each request moves the clock

    # Answers.
    absolute_next: bool = False  # `next` is a URL, as the prose says, not a path as clients expect
    email_any_case: bool = False  # ?email= finds an address however it is written
    wrong_key_status: Literal[401, 403] = 401  # assumed: unauthorized, not invalid_api_key
    compress: bool = True  # gzip for those who accept it
    deprecated: bool = False  # answers announce that the API version will be switched off
    missing_features: set[str] = field(default_factory=set)  # path templates that answer 422
    forbidden: set[str] = field(default_factory=set)  # path templates that the key may not read

    # Called before each request is answered: a hand that changes records between pages.
    before_each_request: Callable[[], None] | None = None
