"""pipeline_bridge: from the open pipeline due in a period to what was left of it at its end."""

from __future__ import annotations

from revops_pipelines.assets.metrics._bridge import BRIDGE
from revops_pipelines.assets.metrics._deal_history import HISTORY_FRAGMENTS, HISTORY_INPUTS
from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

# Movement -> (what it is called, its sign in the table).
MOVEMENTS = {
    "start": ("Pipeline due, at the start", 1),
    "created": ("Created", 1),
    "pulled_in": ("Pulled in", 1),
    "reopened": ("Reopened", 1),
    "amount_up": ("Amounts raised", 1),
    "amount_down": ("Amounts lowered", -1),
    "pushed_out": ("Pushed out", -1),
    "won": ("Won", -1),
    "lost": ("Lost", -1),
    "deleted": ("Deleted", -1),
    "end": ("Pipeline due, at the end", 1),
}

FACTS = """
SELECT
  grain, period_start_on, opportunity_id, excluded,
  segment, industry, region, owner, team, channel, kind,
  movement, amount
FROM metrics.pipeline_bridge
"""


def _series(movement: str) -> Series:
    """All movements are rows of every series, so that one without cases is a bridge's nought."""
    title, sign = MOVEMENTS[movement]
    amount = "amount" if sign > 0 else "-amount"
    return Series(
        metric="pipeline_bridge" if movement == "end" else f"pipeline_bridge_{movement}",
        title=title,
        unit="money",
        facts=FACTS,
        subject="opportunity_id",
        rollup=Ratio(
            numerator=f"SUM(CASE WHEN movement = '{movement}' THEN {amount} ELSE 0 END)",
            n=f"SUM(CASE WHEN movement = '{movement}' THEN 1 ELSE 0 END)",
        ),
        grains=("month", "quarter"),
        dimensions=DEAL_DIMENSIONS,
        is_placed=True,
    )


METRIC = Metric(
    name="pipeline_bridge",
    title="Pipeline bridge",
    stage="execute",
    owner="sales-operations",
    format="money",
    better="lower",
    meaning=(
        "What became of the open pipeline that was expected to close in a period. It starts with "
        "the deals that were open and due in the period as its first day began; deals are created, "
        "pulled in by a new close date or reopened, amounts go up and down, deals are pushed out, "
        "won, lost or deleted; the end is what is open and due still, which in a closed period is "
        "overdue. The metric itself is the end, every movement stands beside it as a positive "
        "amount, and the steps are those of each day: what came in and went out within the period "
        "shows as both. Won are all deals won in the period: one that was not due comes in by the "
        "step that wins it. Whoever owns a deal at the end owns all its movements. "
        "All worth is told at the rate of exchange of the period's first month."
    ),
    formula=(
        "start + created + pulled in + reopened + amount up - amount down - pushed out - won"
        " - lost - deleted = end"
    ),
    differs=(
        "Atrium's card compares two days for deals that are open now: a deal created and lost in "
        "between shows nowhere, and one transferred counts as new "
        "(support.atriumhq.com, Pipeline Change).",
        "Salesforce's Pipeline Inspection looks for deals moved out only in the six months after "
        "the period (help.salesforce.com, Guidelines and Limits for Pipeline Inspection); here a "
        "deal moved to any other day, or to none, is pushed out.",
    ),
    excludes=(
        "renewals",
        "deals whose history does not tell how they stood at some time of the period (no_history)",
        "deals with an amount that has no currency or no rate of exchange; one without an amount "
        "counts as worth nothing until it has one",
    ),
    inputs=(*HISTORY_INPUTS, "metrics.pipeline_bridge"),
    series=tuple(_series(name) for name in ("end", *list(MOVEMENTS)[:-1])),
    detail=Detail(
        table="pipeline_bridge",
        description="One row per period, deal and movement; the movements of a deal add up to end.",
        key=("grain", "period_start_on", "opportunity_id", "movement"),
        columns=(
            DetailColumn("grain", "VARCHAR", "Month or quarter."),
            DetailColumn("period_start_on", "DATE", "First day of the period."),
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn(
                "movement",
                "VARCHAR",
                "start, created, pulled_in, reopened, amount_up, amount_down, pushed_out, won, "
                "lost, deleted, end, or excluded.",
            ),
            DetailColumn("amount", "DECIMAL(18,2)", "In base currency; what goes out is negative."),
            DetailColumn("excluded", "VARCHAR", "Why the deal is in no bridge of the period."),
            DetailColumn("segment", "VARCHAR", "Segment."),
            DetailColumn("industry", "VARCHAR", "Industry."),
            DetailColumn("region", "VARCHAR", "Region."),
            DetailColumn("owner", "VARCHAR", "Who owned it at the period's end."),
            DetailColumn("team", "VARCHAR", "Team of the owner."),
            DetailColumn("channel", "VARCHAR", "Channel."),
            DetailColumn("kind", "VARCHAR", "Kind of business."),
        ),
        sql="SELECT * FROM bridge",
        fragments=(*HISTORY_FRAGMENTS, BRIDGE),
    ),
    identities=(
        Identity(
            name="bridge_closes",
            holds="Of every deal and period, start and movements make the end, to the cent.",
            broken="""
                SELECT grain, period_start_on, opportunity_id
                FROM metrics.pipeline_bridge
                WHERE movement <> 'excluded'
                GROUP BY grain, period_start_on, opportunity_id
                HAVING SUM(CASE WHEN movement = 'end' THEN -amount ELSE amount END) <> 0""",
        ),
        Identity(
            name="published_bridge_closes",
            holds="So do the published values, in total and in every breakdown.",
            broken="""
                SELECT grain, period_start_on, CAST(dimensions AS VARCHAR)
                FROM metrics.metric_values
                WHERE metric = 'pipeline_bridge' OR metric LIKE 'pipeline\\_bridge\\_%' ESCAPE '\\'
                GROUP BY grain, period_start_on, CAST(dimensions AS VARCHAR)
                HAVING SUM(CASE
                  WHEN metric IN (
                    'pipeline_bridge', 'pipeline_bridge_amount_down', 'pipeline_bridge_pushed_out',
                    'pipeline_bridge_won', 'pipeline_bridge_lost', 'pipeline_bridge_deleted'
                  ) THEN -value ELSE value END) <> 0""",
        ),
        Identity(
            name="bridge_signs",
            holds="An amount that went up is never negative, one that went down never positive.",
            broken="""
                SELECT * FROM metrics.pipeline_bridge
                WHERE movement = 'amount_up' AND amount < 0
                  OR movement = 'amount_down' AND amount >= 0""",
        ),
    ),
    example=Example(
        story=(
            "May starts with two deals due, of 500 and 300. The first is raised to 600 and put off "
            "to June; the second is won. A deal of 200 created on 4 May is lost on 9 May. One of "
            "900, due in June, is pulled into May on 10 May and still open at the end: "
            "800 + 200 + 900 + 100 - 600 - 300 - 200 = 900."
        ),
        tables={
            "opportunities": """
                opportunity_id | created_at       | amount | is_closed | is_won | closed_at
                a              | 2026-04-02 09:00 | 600    | false     | false  |
                b              | 2026-04-03 09:00 | 300    | true      | true   | 2026-05-25 09:00
                c              | 2026-05-04 09:00 | 200    | true      | false  | 2026-05-09 09:00
                d              | 2026-04-05 09:00 | 900    | false     | false  |""",
            "opportunity_snapshots": """
                opportunity_id | snapshot_on | amount | currency | close_on   | is_closed|is_won
                a              | 2026-04-02  | 500    | USD      | 2026-05-20 | false    |false
                a              | 2026-05-12  | 600    | USD      | 2026-05-20 | false    |false
                a              | 2026-05-20  | 600    | USD      | 2026-06-15 | false    |false
                b              | 2026-04-03  | 300    | USD      | 2026-05-31 | false    |false
                b              | 2026-05-25  | 300    | USD      | 2026-05-25 | true     |true
                c              | 2026-05-04  | 200    | USD      | 2026-05-30 | false    |false
                c              | 2026-05-09  | 200    | USD      | 2026-05-30 | true     |false
                d              | 2026-04-05  | 900    | USD      | 2026-06-10 | false    |false
                d              | 2026-05-10  | 900    | USD      | 2026-05-30 | false    |false""",
        },
        results=(
            ("pipeline_bridge_start", "2026-05-01", "800"),
            ("pipeline_bridge_created", "2026-05-01", "200"),
            ("pipeline_bridge_pulled_in", "2026-05-01", "900"),
            ("pipeline_bridge_amount_up", "2026-05-01", "100"),
            ("pipeline_bridge_pushed_out", "2026-05-01", "600"),
            ("pipeline_bridge_won", "2026-05-01", "300"),
            ("pipeline_bridge_lost", "2026-05-01", "200"),
            ("pipeline_bridge", "2026-05-01", "900"),
        ),
    ),
)
