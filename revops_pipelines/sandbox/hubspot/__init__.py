"""The simulated HubSpot: its records, and the server that shows them."""

from __future__ import annotations

from revops_pipelines.sandbox.hubspot.app import build_app

__all__ = ["KEYS", "build_app"]

# No vendor would issue such a key, so that nobody mistakes it for a real one.
KEYS = {"access_token": "sandbox-hubspot-token"}
