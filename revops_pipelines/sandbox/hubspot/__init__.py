"""The simulated HubSpot: its records, and the server that shows them."""

from __future__ import annotations

from revops_pipelines.sandbox.hubspot.app import build_app

__all__ = ["build_app"]
