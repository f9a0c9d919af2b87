"""Recurly's API v2021-02-25, read-only, on localhost.

`endpoints` says what there is, `queries` what may be asked, `tables` and `store` keep the records,
`records` renders the business's entities, `limiter` counts, and `site` answers.
"""

from recurly_klaviyo_sandbox.recurly.options import Options
from recurly_klaviyo_sandbox.recurly.site import RecurlySite

__all__ = ["Options", "RecurlySite"]
