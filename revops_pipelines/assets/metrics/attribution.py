"""attribution: which of marketing's touches share in what was won, billed and put into pipeline."""

from __future__ import annotations

from revops_pipelines.assets.metrics._credited_deals import CREDITED_FRAGMENTS, CREDITED_INPUTS
from revops_pipelines.assets.metrics._credits import CREDITS, MODELS
from revops_pipelines.assets.metrics._deals import MONEY_DIMENSIONS
from revops_pipelines.assets.metrics._touches import TOUCH_INPUTS, TOUCHES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Dimension,
    Example,
    Grain,
    Identity,
    Metric,
    Ratio,
    Series,
)

AMOUNTS = """
SELECT
  milestones.credited_on AS fact_on,
  milestones.excluded,
  milestones.opportunity_id,
  milestones.segment,
  milestones.industry,
  milestones.region,
  milestones.owner,
  milestones.team,
  milestones.channel,
  milestones.kind,
  milestones.currency,
  milestones.amount
FROM milestones
WHERE milestones.basis = '{basis}'
"""

SHARED = """
SELECT
  credits.credited_on AS fact_on,
  CAST(NULL AS VARCHAR) AS excluded,
  credits.opportunity_id,
  credits.channel,
  credits.campaign_id AS campaign,
  credits.model,
  credits.credit
FROM metrics.attribution AS credits
WHERE credits.basis = '{basis}'
"""

# Any one model will do: every deal's credits are the same sum under all of them.
TOUCHED = """
SELECT
  milestones.credited_on AS fact_on,
  milestones.excluded,
  milestones.opportunity_id,
  milestones.segment,
  milestones.industry,
  milestones.region,
  milestones.owner,
  milestones.team,
  milestones.channel,
  milestones.kind,
  milestones.currency,
  milestones.amount,
  CASE WHEN credits.channel = 'no_touch' THEN 0 ELSE milestones.amount END AS touched
FROM milestones
LEFT JOIN metrics.attribution AS credits
  ON credits.opportunity_id = milestones.opportunity_id
  AND credits.basis = milestones.basis
  AND credits.model = 'last'
WHERE milestones.basis = 'won'
"""

A_YEAR = "365"


def _series(metric: str, title: str, basis: str, age: str = "0") -> tuple[Series, ...]:
    """The amounts by what the deals are, and the credits by model with channel or campaign."""
    amounts = Series(
        metric=metric,
        title=title,
        unit="money",
        facts=AMOUNTS.format(basis=basis),
        subject="opportunity_id",
        fragments=CREDITED_FRAGMENTS,
        rollup=Ratio(numerator="SUM(amount)"),
        dimensions=MONEY_DIMENSIONS[:5] + MONEY_DIMENSIONS[6:],
        mature_after_days=age,
    )
    shapes: tuple[tuple[tuple[Grain, ...], tuple[Dimension, ...]], ...] = (
        (("month", "quarter"), (("channel", "model"), ("model",))),
        (("quarter",), (("campaign", "model"),)),
    )
    by_channel, by_campaign = (
        Series(
            metric=metric,
            title=title,
            unit="money",
            facts=SHARED.format(basis=basis),
            subject="opportunity_id",
            rollup=Ratio(numerator="SUM(credit)", n="COUNT(DISTINCT opportunity_id)"),
            grains=grains,
            dimensions=dimensions,
            has_total=False,
            mature_after_days=age,
        )
        for grains, dimensions in shapes
    )
    return amounts, by_channel, by_campaign


METRIC = Metric(
    name="attribution",
    title="Won amounts, shared among marketing's touches",
    stage="engage",
    owner="marketing-operations",
    format="money",
    better="higher",
    meaning=(
        "The amount of closed-won deals, by the day they were won, credited to the touches that "
        "the deal's people had with marketing in the `attribution_days` before, under seven models "
        "side by side: the first touch, the last, all alike (linear), U (40 % first, 40 % the "
        "touch that made the lead, 20 % the others), W (30 % first, lead and deal each, 10 % the "
        "others), full path (22.5 % first, lead, deal and closing each, 10 % the others) and time "
        "decay (half as much for every `half_life_days` before). The total is the amount, the "
        "breakdowns by model with channel or campaign are the credits, which sum to it to the cent "
        "under every model; what no touch preceded is credited to no_touch. Beside it the same for "
        "what those deals have been billed so far (without tax, less credit notes and what was "
        "written off), and for pipeline, by the day a deal was created with the touches until then."
    ),
    formula="credit = amount x part of the touch / parts of all touches; the last has the rest",
    excludes=(
        "touches after the milestone, older than `attribution_days`, or of people who are not on "
        "the deal",
        "a second touch of one person with one campaign on one day",
        "renewals, deleted and merged deals, and deals of exactly zero",
        "deals without amount, currency or rate of exchange",
        "in attribution_billed: won deals without a bill; bills of companies without a won deal",
    ),
    differs=(
        "Adobe Marketo Measure gives under U-shaped half each to the first and the lead creation "
        "touch and nothing to the others; here they have 20 % "
        "(experienceleague.adobe.com, Marketo Measure attribution models).",
        "HubSpot counts every interaction, so that five clicks of one person on one mail are five "
        "(knowledge.hubspot.com, Understand attribution reporting); here they are one touch a day.",
        "HubSpot takes the lead creation from the oldest contact of a deal (blog.hubspot.com, A "
        "closer look at attribution models); here it is the first hand that any of its people "
        "raised.",
    ),
    inputs=(*CREDITED_INPUTS, *TOUCH_INPUTS, "metrics.attribution"),
    series=(
        *_series("attribution", "Won, by the day of winning", "won"),
        *_series("attribution_billed", "Billed so far, by the day of winning", "billed", A_YEAR),
        *_series("attribution_pipeline", "Pipeline, by the day of creation", "pipeline"),
        Series(
            metric="attribution_touched",
            title="Share of won amounts that marketing touched",
            unit="share",
            facts=TOUCHED,
            subject="opportunity_id",
            fragments=CREDITED_FRAGMENTS,
            rollup=Ratio(numerator="SUM(touched)", denominator="SUM(amount)"),
            dimensions=MONEY_DIMENSIONS,
        ),
    ),
    detail=Detail(
        table="attribution",
        description=(
            "One row per deal, basis, model and touch that has credit; no_touch where there was "
            "none. In base currency."
        ),
        key=("opportunity_id", "basis", "model", "touchpoint_id"),
        columns=(
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("basis", "VARCHAR", "What is shared: won, billed or pipeline."),
            DetailColumn("model", "VARCHAR", f"{', '.join(MODELS[:-1])} or {MODELS[-1]}."),
            DetailColumn("touchpoint_id", "VARCHAR", "Touch, or no_touch."),
            DetailColumn("campaign_id", "VARCHAR", "Campaign of the touch, or no_touch."),
            DetailColumn("channel", "VARCHAR", "Channel of the touch, or no_touch."),
            DetailColumn("credit", "DECIMAL(18,2)", "Its part of the amount."),
            DetailColumn("touched_at", "TIMESTAMP", "When the touch was (UTC)."),
            DetailColumn("credited_on", "DATE", "Day that the deal was won, or created."),
            DetailColumn("amount", "DECIMAL(18,2)", "The whole amount, in every row of it."),
        ),
        sql=CREDITS,
        fragments=(*CREDITED_FRAGMENTS, TOUCHES),
    ),
    identities=(
        Identity(
            "credits_make_the_amount",
            "Credits of a deal sum to its amount to the cent, under every model.",
            """
            SELECT opportunity_id, basis, model FROM metrics.attribution
            GROUP BY opportunity_id, basis, model
            HAVING SUM(credit) <> MAX(amount) OR MAX(amount) <> MIN(amount)
            """,
        ),
        Identity(
            "models_side_by_side",
            "Every deal is credited under all seven models.",
            """
            SELECT opportunity_id, basis FROM metrics.attribution
            GROUP BY opportunity_id, basis HAVING COUNT(DISTINCT model) <> 7
            """,
        ),
        Identity(
            "won_amounts_are_the_deals",
            "What is credited of a deal in base currency is the amount that its record has.",
            """
            SELECT credits.opportunity_id, credits.model
            FROM metrics.attribution AS credits
            CROSS JOIN ops.parameters AS parameters
            JOIN conformed.opportunities AS deals
              ON deals.opportunity_id = credits.opportunity_id
              AND deals.currency = parameters.base_currency
            WHERE credits.basis <> 'billed'
            GROUP BY credits.opportunity_id, credits.basis, credits.model
            HAVING SUM(credits.credit) <> MAX(deals.amount)
            """,
        ),
        Identity(
            "touches_precede",
            "No touch after its deal was won (or created, for pipeline) has credit.",
            """
            SELECT credits.opportunity_id, credits.touchpoint_id
            FROM metrics.attribution AS credits
            JOIN conformed.opportunities AS deals
              ON deals.opportunity_id = credits.opportunity_id
            WHERE credits.touched_at
              > CASE WHEN credits.basis = 'pipeline' THEN deals.created_at ELSE deals.closed_at END
            """,
        ),
    ),
    example=Example(
        story=(
            "Ada meets an advertisement on 1 April, a webinar on 10 April, raises her hand in a "
            "form on 20 April and reads a mail on 10 May; the deal is created on 25 April and won "
            "for 1,000.00 on 20 May. The first model credits the advertisement with all of it, "
            "linear each touch with 250.00, U the advertisement and the form with 400.00 each and "
            "the webinar and the mail with 100.00 each."
        ),
        tables={
            "leads": """
lead_id | is_inbound | raised_at        | created_at
ada     | true       | 2026-04-20 10:00 | 2026-04-20 10:00
""",
            "touchpoints": """
touchpoint_id | lead_id | campaign_id | channel | kind        | occurred_at
1             | ada     | ads         | ads     | ad_click    | 2026-04-01 10:00
2             | ada     | webinar     | webinar | attended    | 2026-04-10 10:00
3             | ada     | site        | web     | form_fill   | 2026-04-20 10:00
4             | ada     | letter      | email   | email_click | 2026-05-10 10:00
""",
            "opportunities": """
opportunity_id | lead_id | amount  | created_at       | is_closed | is_won | closed_at
d              | ada     | 1000.00 | 2026-04-25 09:00 | true      | true   | 2026-05-20 09:00
""",
        },
        results=(
            ("attribution", "2026-05-01", "1000"),
            ("attribution_touched", "2026-05-01", "1"),
            ("attribution_pipeline", "2026-04-01", "1000"),
        ),
    ),
)
