"""The activity feed: what happened, metric by metric, for human eyes."""

from recurly_klaviyo_sandbox.klaviyo.feed.pages import FeedPages, render_feed

__all__ = ["FeedPages", "render_feed"]
