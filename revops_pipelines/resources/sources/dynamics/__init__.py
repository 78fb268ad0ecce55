"""Microsoft Dynamics 365: leads, contacts, accounts, opportunities with their audited history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.dynamics.check import check
from revops_pipelines.resources.sources.dynamics.client import connect
from revops_pipelines.resources.sources.dynamics.offers import offers
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions
from revops_pipelines.resources.sources.dynamics.streams import streams


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """Where the simulated company is, and what its people would write into revops.toml."""
    return {
        "base_url": urls["dynamics"],
        "login_url": urls["dynamics"],
        "tenant_id": "11111111-2222-4333-8444-northbeam",
        "internal_domains": ("northbeam.example",),
        "small_below_employees": 200,
        "mid_below_employees": 1_500,
        "pipeline_column": "new_pipeline",
        "kind_column": "new_dealtype",
        "pipelines": {
            "Sales Pipeline": (
                "1-Appointment scheduled",
                "2-Qualified to buy",
                "3-Presentation scheduled",
                "4-Decision maker bought-in",
                "5-Contract sent",
            ),
            "Renewals and expansion": ("6-Upcoming", "7-In discussion", "8-Offer sent"),
        },
        "inbound_when": {"new_origin": ("Web form", "Booking page", "Chat")},
        "qualified_columns": ("new_acceptedon",),
    }


SOURCE = Source(
    name="dynamics",
    title="Microsoft Dynamics 365",
    area="CRM",
    secrets={"client_id": "DYNAMICS_CLIENT_ID", "client_secret": "DYNAMICS_CLIENT_SECRET"},
    options=DynamicsOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
)
