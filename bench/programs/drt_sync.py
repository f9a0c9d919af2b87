"""The command `drt`, whose address of Klaviyo is fixed, at the address in KLAVIYO_URL."""

from __future__ import annotations

import importlib
import os

klaviyo = importlib.import_module("drt.destinations.klaviyo")
vars(klaviyo)["_BASE"] = os.environ["KLAVIYO_URL"] + "/api"
importlib.import_module("drt.cli.main").app()
