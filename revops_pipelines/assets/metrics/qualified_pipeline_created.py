"""qualified_pipeline_created: what the deals that became qualified were worth, then and now."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import (
    HISTORY_FRAGMENTS,
    HISTORY_INPUTS,
    unvalued,
    valued,
)
from revops_pipelines.assets.metrics._deals import MONEY_DIMENSIONS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
)

# One row per deal that ever reached the qualified stage: how it stood at the end of that day, and
# what its record says now, both at the rate of the month in which it qualified.
QUALIFIED = Fragment(
    "qualified",
    f"""
WITH dated AS (
  SELECT
    deals.*,
    CASE WHEN deals.qualified_at >= day.changes_at THEN day.on_after ELSE day.on_before END
      AS qualified_on
  FROM deals
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.reporting_days AS day ON day.utc_on = CAST(deals.qualified_at AS DATE)
  WHERE deals.qualified_at <= parameters.as_of_at
), firsts AS (
  SELECT opportunity_id, valid_from_on FROM deal_spans WHERE is_first
), asked AS (
  SELECT dated.*, COALESCE(firsts.valid_from_on, dated.qualified_on) AS asked_on
  FROM dated
  LEFT JOIN firsts
    ON firsts.opportunity_id = dated.opportunity_id
    AND firsts.valid_from_on = dated.qualified_on + 1
), entered AS (
  SELECT
    dated.*,
    calendar.month_start_on AS valued_on,
    spans.state,
    spans.owner AS owner_at_entry,
    spans.team AS team_at_entry,
    spans.local_amount AS amount_at_entry,
    spans.currency AS currency_at_entry
  FROM asked AS dated
  JOIN ops.calendar AS calendar ON calendar.day = dated.qualified_on
  LEFT JOIN deal_spans AS spans
    ON spans.opportunity_id = dated.opportunity_id
    AND spans.valid_from_on <= dated.asked_on
    AND spans.valid_to_on > dated.asked_on
)
SELECT
  entered.opportunity_id,
  entered.qualified_on,
  CASE
    WHEN entered.is_deleted THEN 'deleted'
    WHEN entered.state IN ('open', 'won', 'lost') THEN NULL
    ELSE 'no_history'
  END AS excluded,
  COALESCE(
    CASE WHEN entered.amount_at_entry IS NULL THEN 'no_amount' END,
    {unvalued("entered.amount_at_entry", "entered.currency_at_entry", "then_rates.rate")}
  ) AS excluded_at_entry,
  COALESCE(
    CASE WHEN entered.is_deleted THEN 'deleted' END,
    CASE WHEN entered.local_amount IS NULL THEN 'no_amount' END,
    {unvalued("entered.local_amount", "entered.currency", "now_rates.rate")}
  ) AS excluded_now,
  entered.segment,
  entered.industry,
  entered.region,
  CASE WHEN entered.state IN ('open', 'won', 'lost') THEN entered.owner_at_entry
    ELSE entered.owner END AS owner,
  CASE WHEN entered.state IN ('open', 'won', 'lost') THEN entered.team_at_entry
    ELSE entered.team END AS team,
  entered.channel,
  entered.kind,
  CASE WHEN entered.state IN ('open', 'won', 'lost') THEN entered.currency_at_entry
    ELSE entered.currency END AS currency,
  {valued("entered.amount_at_entry", "then_rates.rate")} AS amount_at_entry,
  {valued("entered.local_amount", "now_rates.rate")} AS amount_now
FROM entered
LEFT JOIN rates AS then_rates
  ON then_rates.currency = entered.currency_at_entry
  AND then_rates.month_start_on = entered.valued_on
LEFT JOIN rates AS now_rates
  ON now_rates.currency = entered.currency AND now_rates.month_start_on = entered.valued_on
""",
)
FRAGMENTS = (*HISTORY_FRAGMENTS, QUALIFIED)

# Suffix -> (whose pipeline, condition). Deals of another kind are new business.
KINDS = {
    "": ("new business", "kind NOT IN ('expansion', 'renewal')"),
    "_expansion": ("expansion", "kind = 'expansion'"),
    "_renewal": ("renewals", "kind = 'renewal'"),
}


def _series(kind: str, moment: str) -> Series:
    name, condition = KINDS[kind]
    is_now = moment == "_now"
    excluded = "excluded_now" if is_now else "COALESCE(excluded, excluded_at_entry)"
    return Series(
        metric=f"qualified_pipeline_created{kind}{moment}",
        title=f"Qualified pipeline created, {name}, {'as of now' if is_now else 'at entry'}",
        unit="money",
        facts=f"""
SELECT
  opportunity_id, qualified_on AS fact_on, {excluded} AS excluded,
  segment, industry, region, owner, team, channel, kind, currency,
  {"amount_now" if is_now else "amount_at_entry"} AS amount
FROM qualified
WHERE {condition}
""",
        subject="opportunity_id",
        fragments=FRAGMENTS,
        rollup=Ratio(numerator="SUM(amount)"),
        dimensions=MONEY_DIMENSIONS,
    )


METRIC = Metric(
    name="qualified_pipeline_created",
    title="Qualified pipeline created",
    stage="engage",
    owner="marketing-operations",
    format="money",
    better="higher",
    meaning=(
        "Worth of the deals that first reached the qualified stage in the period, by what they "
        "were worth at the end of that day: new business, with expansion and renewals apart. "
        "Beside each the worth of the same deals as their records have it now, so that the "
        "difference is how amounts drifted. The running quarter is the quarter to date. Both are "
        "at the rate of the month in which a deal qualified, and count for who owned it then."
    ),
    formula="sum of amounts, at the end of the day, of deals that first became qualified",
    differs=(
        "Pipeline reports read today's amounts (revenueboost.net/glossary/pipeline counts open "
        "qualified deals as they are): what was created in a past quarter then changes with each "
        "deal that grows, shrinks or closes. Here the amount at entry stays.",
        "Marketing-sourced pipeline counts the part with a marketing source, by definitions that "
        "differ between systems (petavue-help-docs.pages.dev, Marketing Sourced Pipeline); here "
        "all sources count, and the breakdown by channel tells them apart.",
    ),
    excludes=(
        "deals that never became qualified; coming to the stage again creates nothing",
        "deleted deals",
        "at entry: deals whose history does not reach back to that day (no_history)",
        "deals without amount, currency or rate of exchange",
    ),
    inputs=HISTORY_INPUTS,
    series=tuple(_series(kind, moment) for kind in KINDS for moment in ("", "_now")),
    detail=Detail(
        table="qualified_pipeline_created",
        description="One row per deal that became qualified: its worth then and now.",
        key=("opportunity_id",),
        columns=(
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("qualified_on", "DATE", "Day on which it first became qualified."),
            DetailColumn("kind", "VARCHAR", "new, expansion, renewal or other."),
            DetailColumn("owner", "VARCHAR", "Who owned it then."),
            DetailColumn("channel", "VARCHAR", "Channel."),
            DetailColumn("excluded", "VARCHAR", "Why it has no worth at entry; null if it has."),
            DetailColumn("excluded_now", "VARCHAR", "Why it has no worth now; null if it has."),
            DetailColumn("amount_at_entry", "DECIMAL(18,2)", "Worth then, base currency."),
            DetailColumn("amount_now", "DECIMAL(18,2)", "Worth by its record now."),
            DetailColumn("drift", "DECIMAL(18,2)", "Worth now less worth then."),
        ),
        sql="""
SELECT
  opportunity_id, qualified_on, kind, owner, channel,
  COALESCE(excluded, excluded_at_entry) AS excluded,
  excluded_now,
  CASE WHEN COALESCE(excluded, excluded_at_entry) IS NULL THEN amount_at_entry END
    AS amount_at_entry,
  CASE WHEN excluded_now IS NULL THEN amount_now END AS amount_now,
  CASE WHEN COALESCE(excluded, excluded_at_entry, excluded_now) IS NULL
    THEN amount_now - amount_at_entry END AS drift
FROM qualified
""",
        fragments=FRAGMENTS,
    ),
    identities=(
        Identity(
            name="kinds_make_the_whole",
            holds="New business, expansion and renewals are all deals that became qualified.",
            broken="""
                WITH listed AS (
                  SELECT days.period_start_on, SUM(deal.amount_at_entry) AS amount
                  FROM metrics.qualified_pipeline_created AS deal
                  JOIN ops.period_days AS days
                    ON days.day = deal.qualified_on AND days.grain = 'month'
                  WHERE deal.excluded IS NULL
                  GROUP BY days.period_start_on
                ), published AS (
                  SELECT period_start_on, SUM(value) AS amount
                  FROM metrics.metric_values
                  WHERE grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}'
                    AND metric IN (
                      'qualified_pipeline_created', 'qualified_pipeline_created_expansion',
                      'qualified_pipeline_created_renewal'
                    )
                  GROUP BY period_start_on
                )
                SELECT listed.period_start_on
                FROM listed
                LEFT JOIN published ON published.period_start_on = listed.period_start_on
                WHERE COALESCE(published.amount, 0) <> listed.amount""",
        ),
    ),
    example=Example(
        story=(
            "Two deals become qualified in May, worth 500 and 300 at the end of their days; the "
            "first is raised to 900 in June: 800 were created in May, worth 1,200 by now."
        ),
        tables={
            "opportunities": """
opportunity_id|created_at      |qualified_at    |amount
a             |2026-04-02 09:00|2026-05-04 09:00|900
b             |2026-05-11 09:00|2026-05-12 09:00|300""",
            "opportunity_snapshots": """
opportunity_id|snapshot_on|amount|currency|is_closed|is_won
a             |2026-04-02 |      |USD     |false    |false
a             |2026-05-04 |500   |USD     |false    |false
a             |2026-06-10 |900   |USD     |false    |false
b             |2026-05-11 |300   |USD     |false    |false""",
        },
        results=(
            ("qualified_pipeline_created", "2026-05-01", "800"),
            ("qualified_pipeline_created_now", "2026-05-01", "1200"),
        ),
    ),
)
