"""The facts of forecasts, shared by how near they came and which way they missed.

Belongs here: the kinds of forecast, their facts, what they leave out, one example. Does not: how
the table is filled (`_forecasts`), any series.
"""

from __future__ import annotations

# Suffix -> (what it is called, column of the table, why a deal is in no such forecast).
FORECASTS_OF = {
    "": ("commit", "commit_amount", "excluded"),
    "_most_likely": ("most likely", "most_likely_amount", "excluded"),
    "_best_case": ("best case", "best_case_amount", "excluded"),
    "_weighted": ("weighted", "weighted_amount", "COALESCE(excluded, excluded_weighted)"),
}


def facts_of(column: str, excluded: str) -> str:
    """SQL of the facts of one kind of forecast, a row per deal."""
    return f"""
SELECT
  grain, period_start_on, opportunity_id, {excluded} AS excluded,
  segment, industry, region, owner, team, channel, kind,
  {column} AS forecast,
  actual_amount AS actual
FROM metrics.forecast_accuracy
"""


def by_owner(column: str, excluded: str) -> str:
    """SQL of the same, a row per owner, so that one's excess cannot hide another's shortfall."""
    return f"""
SELECT
  grain, period_start_on, owner AS user_id, NULL AS excluded, owner, team,
  SUM({column}) AS forecast,
  SUM(actual_amount) AS actual
FROM metrics.forecast_accuracy
WHERE {excluded} IS NULL
GROUP BY grain, period_start_on, owner, team
"""


EXCLUDES = (
    "renewals",
    "deals whose history does not tell how they stood at the horizon (no_history)",
    "won deals without an amount, and amounts without currency or rate of exchange",
    "deals that were won and deleted since, on the side of what was won",
    "weighted: deals for which nothing was decided in the window (no_win_rate)",
    "periods of which no snapshot reaches back to the horizon",
)

EXAMPLE_TABLES = {
    "opportunities": """
opportunity_id|owner_id|created_at      |amount|is_closed|is_won|closed_at
a             |ann     |2026-04-02 09:00|400   |true     |true  |2026-05-20 15:00
b             |ann     |2026-04-03 09:00|300   |true     |false |2026-05-25 15:00
c             |bob     |2026-05-04 09:00|100   |true     |true  |2026-05-29 15:00""",
    "opportunity_snapshots": """
opportunity_id|snapshot_on|amount|currency|owner_id|forecast_category|close_on|is_closed|is_won
a|2026-04-02|400|USD|ann|commit|2026-05-20|false|false
a|2026-05-20|400|USD|ann|closed|2026-05-20|true|true
b|2026-04-03|300|USD|ann|best_case|2026-05-30|false|false
b|2026-05-25|300|USD|ann|omitted|2026-05-25|true|false
c|2026-05-04|100|USD|bob|pipeline|2026-05-30|false|false
c|2026-05-29|100|USD|bob|closed|2026-05-29|true|true""",
}
