"""singer-io's tap-recurly, whose address is fixed, at the address in RECURLY_URL."""

from __future__ import annotations

import importlib
import os
from typing import Any

recurly = importlib.import_module("tap_recurly.recurly")
as_published = recurly.Recurly.__init__


def at_the_sandbox(self: Any, *args: Any, **kwargs: Any) -> None:
    """Set up the client as published, then give it the address."""
    as_published(self, *args, **kwargs)
    self.uri = os.environ["RECURLY_URL"] + "/"


recurly.Recurly.__init__ = at_the_sandbox
importlib.import_module("tap_recurly").main()
