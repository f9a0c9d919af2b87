"""Recurly records as Klaviyo events and profiles.

`Transform` is what target-klaviyo loads by name from the entry-point group
`target_klaviyo.transforms`; `mapper` is the same as a standalone Singer mapper.
"""

from recurly_to_klaviyo.transform import Transform

__all__ = ["Transform"]
