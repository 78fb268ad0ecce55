"""The simulated Dynamics 365: a Dataverse environment, and the server that shows it."""

from __future__ import annotations

from revops_pipelines.sandbox.dynamics.access import CLIENT_ID, CLIENT_SECRET
from revops_pipelines.sandbox.dynamics.app import build_app

__all__ = ["KEYS", "build_app"]

KEYS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
