"""Maturity of revenue operations: people, process, platform, insights.

Belongs here: what is looked at on each side. Does not: how it is judged (`maturity`).
"""

from __future__ import annotations

from decimal import Decimal

from revops_pipelines.reporting.maturity import STRICT, Area, Criterion

_OPEN_DEALS = """
FROM conformed.opportunities AS deals
LEFT JOIN conformed.users AS users ON users.user_id = deals.owner_id
CROSS JOIN ops.parameters AS parameters
WHERE deals._deleted_at IS NULL AND NOT deals.is_closed"""

PEOPLE = Area(
    "people",
    "People",
    (
        Criterion(
            "deals_owned",
            "Open deals have an owner who is there",
            "open deals belong to an active user",
            "Hand over the deals of those who left.",
            f"SELECT count(*) FILTER (users.is_active), count(*) {_OPEN_DEALS}",
        ),
        Criterion(
            "teams_known",
            "People are in teams",
            "active users have a team",
            "Put each user into a team in the CRM.",
            "SELECT count(team), count(*) FROM conformed.users "
            "WHERE _deleted_at IS NULL AND is_active",
        ),
        Criterion(
            "calendars_known",
            "Teams have their working hours",
            "teams have a calendar of their own",
            "Add [calendars.<team>] with time zone, hours and holidays to the settings.",
            """
SELECT count(calendars.calendar), count(*) FROM (
  SELECT DISTINCT team FROM conformed.users
  WHERE _deleted_at IS NULL AND is_active AND team IS NOT NULL) AS teams
LEFT JOIN ops.business_calendars AS calendars ON lower(calendars.calendar) = lower(teams.team)""",
        ),
        Criterion(
            "sellers_have_quotas",
            "Sellers have a target",
            "who closed a deal in the last 90 days have a quota",
            "Load quotas by person and period.",
            """
SELECT count(*) FILTER (EXISTS (
  SELECT 1 FROM conformed.quotas AS quotas
  WHERE quotas.user_id = sellers.owner_id AND quotas._deleted_at IS NULL)), count(*)
FROM (
  SELECT DISTINCT deals.owner_id FROM conformed.opportunities AS deals, ops.parameters AS parameters
  WHERE deals._deleted_at IS NULL AND deals.is_closed AND deals.owner_id IS NOT NULL
    AND deals.closed_at > parameters.as_of_at - INTERVAL 90 DAY) AS sellers""",
        ),
    ),
)

PROCESS = Area(
    "process",
    "Process",
    (
        Criterion(
            "leads_answered",
            "Leads are answered within target",
            "leads of the latest mature month were",
            "Route leads at once, and let the alert of waiting leads reach who can answer.",
            """
SELECT numerator, denominator FROM metrics.metric_values
WHERE metric = 'sla_attainment' AND grain = 'month' AND is_mature AND value IS NOT NULL
  AND CAST(dimensions AS VARCHAR) = '{}' ORDER BY period_start_on DESC LIMIT 1""",
            (Decimal("0.01"), Decimal("0.4"), Decimal("0.7"), Decimal("0.9")),
        ),
        Criterion(
            "history_trusted",
            "Deals keep their history",
            "deals have a stage history that fits their record",
            "Switch on history of stage, amount and close date, and see why these deals differ.",
            """
SELECT count(*) FILTER (untrusted.opportunity_id IS NULL AND history.opportunity_id IS NOT NULL),
  count(*)
FROM conformed.opportunities AS deals
LEFT JOIN (SELECT DISTINCT opportunity_id FROM ops.untrusted_deals) AS untrusted
  ON untrusted.opportunity_id = deals.opportunity_id
LEFT JOIN (SELECT DISTINCT opportunity_id FROM conformed.opportunity_stage_history) AS history
  ON history.opportunity_id = deals.opportunity_id
WHERE deals._deleted_at IS NULL""",
        ),
        Criterion(
            "close_dates_kept",
            "Close dates are kept up",
            "open deals are due today or later",
            "Move or close the overdue deals on the page of sales.",
            f"""
SELECT count(*) FILTER (deals.close_on >= parameters.as_of_on), count(*)
{_OPEN_DEALS}""",
        ),
        Criterion(
            "losses_explained",
            "Lost deals say why",
            "deals lost in the last year have a reason",
            "Make the reason a required field of closing.",
            """
SELECT count(deals.lost_reason), count(*)
FROM conformed.opportunities AS deals, ops.parameters AS parameters
WHERE deals._deleted_at IS NULL AND deals.is_closed AND NOT deals.is_won
  AND deals.closed_at > parameters.as_of_at - INTERVAL 365 DAY""",
        ),
    ),
)

PLATFORM = Area(
    "platform",
    "Platform",
    (
        Criterion(
            "areas_connected",
            "The systems are connected",
            "kinds of system (CRM, marketing, billing, web) are read",
            "Connect the missing kind; the list of systems is in the documentation.",
            """
SELECT count(DISTINCT lower(area)) FILTER (lower(area) IN ('crm', 'marketing', 'billing', 'web')), 4
FROM ops.sources""",
            (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal(1)),
        ),
        Criterion(
            "streams_fresh",
            "What is read is fresh",
            "streams were loaded within 26 hours",
            "See the failed streams in the last nightly run.",
            """
SELECT count(*) FILTER (last.loaded_at >= parameters.as_of_at - INTERVAL 26 HOUR), count(*)
FROM (SELECT max(loaded_at) AS loaded_at FROM ops.loads GROUP BY source, stream) AS last,
  ops.parameters AS parameters""",
            STRICT,
        ),
        Criterion(
            "rows_valid",
            "What is read is valid",
            "rows keep their contract",
            "Mend the rows in quarantine at their source, most frequent reason first.",
            """
SELECT kept.rows, kept.rows + refused.rows FROM
  (SELECT coalesce(sum(estimated_size), 0) AS rows FROM duckdb_tables()
    WHERE schema_name = 'conformed' AND table_name <> 'identity_links') AS kept,
  (SELECT coalesce(sum(rows), 0) AS rows FROM ops.quarantine_counts) AS refused""",
            STRICT,
        ),
    ),
)

INSIGHTS = Area(
    "insights",
    "Insights",
    (
        Criterion(
            "metrics_valued",
            "Metrics have values",
            "published series have a value",
            "Below each metric without one stands what it lacks.",
            "SELECT count(*) FILTER (has_values), count(*) FROM metrics.metric_standing",
            (Decimal("0.2"), Decimal("0.5"), Decimal("0.8"), Decimal("0.95")),
        ),
        Criterion(
            "targets_set",
            "Headlines have a target",
            "metrics that head this report have a target",
            "Add [targets] to the settings.",
        ),
        Criterion(
            "periods_stay",
            "Closed periods stay as told",
            "totals of closed months have not been restated",
            "See why they changed, at the end of the company's page.",
            """
SELECT greatest(told.n - changed.n, 0), told.n FROM
  (SELECT count(*) AS n FROM metrics.metric_values
    WHERE grain = 'month' AND is_mature AND CAST(dimensions AS VARCHAR) = '{}') AS told,
  (SELECT count(*) AS n FROM (SELECT DISTINCT metric, period_start_on FROM metrics.restatements
    WHERE grain = 'month')) AS changed""",
            STRICT,
        ),
        Criterion(
            "rules_watch",
            "Alerts watch the numbers",
            "rules were evaluated without a problem",
            "`revops check` says which rule cannot run, and why.",
            """
SELECT count(*) FILTER (coalesce(problem, '') = ''), count(*) FROM ops.alert_evaluations""",
        ),
    ),
)

OPERATIONS = (PEOPLE, PROCESS, PLATFORM, INSIGHTS)
