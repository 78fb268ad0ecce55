"""Which numbers stand first: on the company's page by stage, on each team's page by team.

Belongs here: names of metrics, in the order in which people ask for them. Does not: what they mean
(each metric's file) or how they look (the templates). A name without a metric, or a metric without
a value, is left out of the page; `tests/reporting` holds that no name is misspelt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from revops_pipelines.reporting.scorecard import STAGES, ScoreLine

STAGE_TITLES: Mapping[str, tuple[str, str]] = {
    "engage": ("Engage", "marketing to sales"),
    "execute": ("Execute", "sales"),
    "expand": ("Expand and keep", "revenue"),
    "trust": ("Trust", "what the numbers rest on"),
}

# Each stage's own headline first: qualified pipeline, net new ARR, recurring revenue.
HEADLINES: Mapping[str, Sequence[str]] = {
    "engage": (
        *("qualified_pipeline_created", "speed_to_lead"),
        *("sla_attainment", "lead_to_opportunity"),
    ),
    "execute": (
        *("net_new_arr", "win_rate", "forecast_accuracy", "pipeline_coverage"),
        *("slip_rate", "quota_attainment", "sales_cycle", "stuck_deals"),
    ),
    "expand": (
        *("mrr", "net_revenue_retention", "gross_revenue_retention", "logo_churn"),
        *("renewal_rate", "renewals_calendar", "payment_recovery", "revenue_leakage"),
    ),
    "trust": ("data_quality", "duplicates"),
}


@dataclass(frozen=True, slots=True)
class Team:
    """A team with a page of its own: its file's name, its title, its few metrics in order."""

    name: str
    title: str
    metrics: Sequence[str]


TEAMS = (
    Team(
        "marketing",
        "Marketing",
        (
            *("qualified_pipeline_created", "speed_to_lead", "sla_attainment"),
            *("lead_to_opportunity", "cost_per_lead", "campaign_roi"),
            *("attribution", "target_account_engagement"),
            *("win_rate", "pipeline_velocity"),
            *("cac", "ltv_to_cac"),
        ),
    ),
    Team(
        "sales",
        "Sales",
        (
            *("speed_parts", "lead_contact_rate", "pipeline_quality"),
            *("win_rate", "bookings", "forecast_accuracy", "pipeline_coverage"),
            *("slip_rate", "quota_attainment", "sales_cycle", "average_selling_price"),
            *("stuck_deals", "upsell_rate", "revenue_growth"),
        ),
    ),
    Team(
        "success",
        "Customer success",
        (
            *("target_account_engagement", "net_new_arr"),
            *("net_revenue_retention", "gross_revenue_retention", "logo_churn"),
            *("renewal_rate", "renewals_calendar", "upsell_rate", "payment_recovery"),
        ),
    ),
    Team(
        "finance",
        "Finance",
        (
            *("marketing_cost", "cost_per_lead"),
            *("net_new_arr", "bookings", "forecast_accuracy"),
            *("mrr", "arr", "committed_arr", "net_revenue_retention", "cac_payback"),
            *("ltv_to_cac", "payment_recovery", "revenue_leakage", "revenue_predictability"),
        ),
    ),
)


def headlines_of(lines: Iterable[ScoreLine]) -> dict[str, list[ScoreLine]]:
    """Stage -> the lines that head it, in order; those without a value are left out."""
    by_name = {line.metric.name: line for line in lines}
    return {
        stage: [by_name[name] for name in HEADLINES[stage] if _has_value(by_name, name)]
        for stage in STAGES
    }


def team_lines(team: Team, lines: Iterable[ScoreLine]) -> dict[str, list[ScoreLine]]:
    """Stage -> the team's lines in it, in order; stages and lines without a value left out."""
    by_name = {line.metric.name: line for line in lines}
    chosen = [by_name[name] for name in team.metrics if _has_value(by_name, name)]
    found = {stage: [line for line in chosen if line.metric.stage == stage] for stage in STAGES}
    return {stage: of_stage for stage, of_stage in found.items() if of_stage}


def _has_value(lines: Mapping[str, ScoreLine], name: str) -> bool:
    return name in lines and lines[name].latest is not None
