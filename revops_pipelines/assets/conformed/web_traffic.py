"""Visits to the website, by day, origin and landing page."""

from __future__ import annotations

from revops_pipelines.contracts.web_traffic import WebTraffic
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="web_traffic",
    contract=WebTraffic,
    owner="marketing",
)
