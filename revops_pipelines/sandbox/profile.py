"""The settings that the sandbox's company would have in its revops.toml.

Belongs here: who it is, when its teams work, what it aims at. Does not: its history (`world`).
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.world.company import OUR_DOMAIN, TEAMS


def profile() -> dict[str, Any]:
    """Tables of revops.toml, as `tomllib` would read them."""
    return {
        "company": {"name": "Northbeam (simulated)", "internal_domains": [OUR_DOMAIN]},
        "calendars": {
            team.name: {"time_zone": team.time_zone, "holidays": team.holidays} for team in TEAMS
        },
        "targets": {
            "speed_to_lead": 60,
            "sla_attainment": 0.8,
            "lead_contact_rate": 0.9,
            "win_rate": 0.3,
            "sales_cycle": 45,
            "net_revenue_retention": 1.02,
            "gross_revenue_retention": 0.9,
            "logo_churn": 0.02,
        },
    }
