"""HubSpot's marketing hub in the sandbox: the same account as its CRM, for companies with another.

Belongs here: nothing of its own; `sandbox.hubspot` plays both.
"""

from __future__ import annotations

from revops_pipelines.sandbox.hubspot import KEYS, build_app

__all__ = ["KEYS", "build_app"]
