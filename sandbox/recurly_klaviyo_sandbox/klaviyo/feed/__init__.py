"""The activity feed: what happened, metric by metric, for human eyes."""

from recurly_klaviyo_sandbox.klaviyo.feed.pages import feed_routes, render_feed

__all__ = ["feed_routes", "render_feed"]
