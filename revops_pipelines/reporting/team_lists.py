"""The lists that each team works off.

Belongs here: SQL over published tables, a list each. Does not: how a list is read (`worklists`).
A company is named as the CRM names it, else by its identifier; `{company}` stands for that.
"""

from __future__ import annotations

from revops_pipelines.reporting.worklists import DAY, MONTH, Column, Worklist

ROWS = 10
RENEWAL_DAYS = 90
_MONEY, _COUNT, _SHARE = "money", "count", "share"
_COMPANY = Column("Company")

_DEAL = """
JOIN conformed.opportunities AS deals ON deals.opportunity_id = facts.opportunity_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = deals.account_id
"""

ATTRIBUTION = Worklist(
    "marketing",
    "Won amounts by channel",
    "the last twelve months, three models side by side; each column adds up to the same sum",
    "attribution",
    (
        Column("Channel"),
        Column("First touch", _MONEY),
        Column("Last touch", _MONEY),
        Column("Full path", _MONEY),
        Column("Deals", _COUNT),
    ),
    """
SELECT
  replace(facts.channel, '_', ' '),
  sum(CASE WHEN facts.model = 'first' THEN facts.credit END),
  sum(CASE WHEN facts.model = 'last' THEN facts.credit END),
  sum(CASE WHEN facts.model = 'full_path' THEN facts.credit END) AS full_path,
  count(DISTINCT facts.opportunity_id),
  NULL
FROM metrics.attribution AS facts, ops.parameters AS parameters
WHERE facts.basis = 'won' AND facts.credited_on > parameters.as_of_on - 365
  AND facts.model IN ('first', 'last', 'full_path')
GROUP BY facts.channel ORDER BY full_path DESC NULLS LAST, 1
""",
    none="No deal was won in twelve months.",
)

CAMPAIGNS = Worklist(
    "marketing",
    "Campaigns",
    f"the {ROWS} that cost most in twelve months; won amounts by the full-path model",
    "campaign_roi",
    (
        Column("Campaign"),
        Column("Channel"),
        Column("Cost", _MONEY),
        Column("Won", _MONEY),
        Column("Return", "times"),
    ),
    f"""
WITH costs AS (
  SELECT campaign, any_value(channel) AS channel, sum(amount) AS amount
  FROM metrics.marketing_cost, ops.parameters
  WHERE excluded IS NULL AND campaign IS NOT NULL AND spent_on > as_of_on - 365
  GROUP BY campaign
), won AS (
  SELECT campaign_id, sum(credit) AS amount
  FROM metrics.attribution, ops.parameters
  WHERE basis = 'won' AND model = 'full_path' AND credited_on > as_of_on - 365
  GROUP BY campaign_id
)
SELECT coalesce(campaigns.name, costs.campaign), replace(costs.channel, '_', ' '), costs.amount,
  coalesce(won.amount, 0), coalesce(won.amount, 0) / nullif(costs.amount, 0), NULL
FROM costs
LEFT JOIN won ON won.campaign_id = costs.campaign
LEFT JOIN conformed.campaigns AS campaigns ON campaigns.campaign_id = costs.campaign
ORDER BY costs.amount DESC, costs.campaign LIMIT {ROWS}
""",
    none="Nothing was spent on a campaign.",
)

TARGETS = Worklist(
    "marketing",
    "Target accounts not yet engaged",
    "those with somebody engaged first",
    "target_account_engagement",
    (
        _COMPANY,
        Column("People engaged", _COUNT),
        Column("Days", _COUNT),
        Column("Last engaged", DAY),
    ),
    f"""
SELECT coalesce(accounts.name, facts.account_id), facts.engaged_people, facts.engaged_days,
  facts.last_engaged_on, accounts.url
FROM metrics.target_account_engagement AS facts
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = facts.account_id
WHERE facts.excluded IS NULL AND NOT facts.is_engaged
ORDER BY facts.engaged_people DESC, facts.last_engaged_on DESC NULLS LAST, facts.account_id
LIMIT {ROWS}
""",
    none="No account is on a list, or all are engaged.",
)

STUCK = Worklist(
    "sales",
    "Stuck deals",
    f"the {ROWS} worth most; longer in their stage than nine of ten won deals were",
    "stuck_deals",
    (
        _COMPANY,
        Column("Stage"),
        Column("Team"),
        Column("In stage", "days"),
        Column("Usual", "days"),
        Column("Worth", _MONEY),
        Column("Closing", DAY),
    ),
    f"""
SELECT coalesce(accounts.name, facts.opportunity_id), coalesce(facts.stage_label, facts.stage),
  facts.team, facts.days, facts.reference_days, facts.amount, facts.close_on, facts.url
FROM metrics.stuck_deals AS facts
{_DEAL}
ORDER BY facts.amount DESC NULLS LAST, facts.opportunity_id LIMIT {ROWS}
""",
    none="No deal is stuck.",
)

SLIPPED = Worklist(
    "sales",
    "Slipped or overdue",
    f"the {ROWS} worth most that were due in the last closed month, and are still open",
    "slip_rate",
    (
        _COMPANY,
        Column("Outcome"),
        Column("Was due", DAY),
        Column("Now due", DAY),
        Column("Times slipped", _COUNT),
        Column("Worth", _MONEY),
    ),
    f"""
SELECT coalesce(accounts.name, facts.opportunity_id), facts.outcome, facts.close_on,
  facts.close_on_at_end, facts.slips, facts.amount, deals.url
FROM metrics.slip_rate AS facts
{_DEAL}
WHERE facts.grain = 'month' AND facts.outcome IN ('slipped', 'overdue') AND NOT deals.is_closed
  AND facts.period_start_on = (
    SELECT max(periods.period_start_on) FROM ops.periods AS periods
    WHERE periods.grain = 'month' AND periods.is_closed)
ORDER BY facts.amount DESC NULLS LAST, facts.opportunity_id LIMIT {ROWS}
""",
    none="Nothing slipped.",
)

COVERAGE = Worklist(
    "sales",
    "Coverage by team",
    "the quarter that runs: what is open and due against what is still missing",
    "pipeline_coverage",
    (
        Column("Team"),
        Column("Open, due", _MONEY),
        Column("Missing to target", _MONEY),
        Column("Coverage", "times"),
    ),
    """
SELECT json_extract_string(dimensions, '$.team') AS team, numerator, denominator, value, NULL
FROM metrics.metric_values
WHERE metric = 'pipeline_coverage_now' AND grain = 'quarter'
  AND json_extract_string(dimensions, '$.team') IS NOT NULL
  AND period_start_on = (
    SELECT max(period_start_on) FROM metrics.metric_values
    WHERE metric = 'pipeline_coverage_now' AND grain = 'quarter')
ORDER BY value NULLS LAST, team
""",
    none="No team has a target for this quarter.",
)

RENEWALS = Worklist(
    "success",
    f"Renewals of the next {RENEWAL_DAYS} days",
    "those with most warnings and most ARR first",
    "renewals_calendar",
    (
        _COMPANY,
        Column("Renews", DAY),
        Column("Notice until", DAY),
        Column("ARR", _MONEY),
        Column("Warnings"),
        Column("By itself"),
        Column("Team"),
    ),
    f"""
SELECT coalesce(accounts.name, facts.customer_id), facts.ends_on, facts.notice_on, facts.arr_amount,
  coalesce(nullif(concat_ws(', ',
    CASE WHEN facts.cancel_requested_at IS NOT NULL THEN 'asked to end' END,
    CASE WHEN facts.is_payment_failing THEN 'payment failing' END,
    CASE WHEN facts.is_seats_falling THEN 'fewer seats' END,
    CASE WHEN facts.is_quiet THEN 'quiet' END), ''), 'none'),
  CASE facts.auto_renews WHEN TRUE THEN 'yes' WHEN FALSE THEN 'no' END, facts.team, accounts.url
FROM metrics.renewals_calendar AS facts
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = facts.account_id
WHERE facts.excluded IS NULL AND facts.days_to_renewal BETWEEN 0 AND {RENEWAL_DAYS}
ORDER BY facts.warnings DESC NULLS LAST, facts.arr_amount DESC NULLS LAST, facts.contract_id
LIMIT 25
""",
    none="No term comes up for renewal.",
)

UNRECOVERED = Worklist(
    "success",
    "Failed payments not recovered",
    f"the {ROWS} largest of the last {RENEWAL_DAYS} days",
    "payment_recovery",
    (
        _COMPANY,
        Column("Bill"),
        Column("Failed", DAY),
        Column("Open", _MONEY),
    ),
    f"""
SELECT coalesce(accounts.name, facts.customer_id), facts.invoice_id, facts.failed_on,
  facts.failed_amount - coalesce(facts.recovered_amount, 0) AS open, invoices.url
FROM metrics.payment_recovery AS facts
CROSS JOIN ops.parameters AS parameters
LEFT JOIN conformed.customers AS customers ON customers.customer_id = facts.customer_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = customers.account_id
LEFT JOIN conformed.invoices AS invoices ON invoices.invoice_id = facts.invoice_id
WHERE facts.excluded IS NULL AND facts.failed_on > parameters.as_of_on - {RENEWAL_DAYS}
  AND facts.failed_amount > coalesce(facts.recovered_amount, 0)
ORDER BY open DESC, facts.failure_id LIMIT {ROWS}
""",
    none="Every failed payment was recovered.",
)

LEAKAGE = Worklist(
    "finance",
    "Revenue leakage",
    "the 15 largest findings between CRM and billing",
    "revenue_leakage",
    (
        _COMPANY,
        Column("Finding"),
        Column("Since", DAY),
        Column("Contracted", _MONEY),
        Column("Billed", _MONEY),
        Column("Missing", _MONEY),
        Column("Record"),
    ),
    """
SELECT coalesce(accounts.name, facts.party_id, facts.customer_id), replace(facts.type, '_', ' '),
  facts.since_on, facts.contracted_amount, facts.billed_amount, facts.amount,
  coalesce(facts.opportunity_id, facts.invoice_id, facts.subscription_id, facts.party_id),
  coalesce(deals.url, invoices.url, subscriptions.url, accounts.url)
FROM metrics.revenue_leakage AS facts
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = facts.party_id
LEFT JOIN conformed.opportunities AS deals ON deals.opportunity_id = facts.opportunity_id
LEFT JOIN conformed.invoices AS invoices ON invoices.invoice_id = facts.invoice_id
LEFT JOIN conformed.subscriptions AS subscriptions
  ON subscriptions.subscription_id = facts.subscription_id
WHERE facts.type NOT IN ('within_tolerance', 'not_comparable') AND facts.amount > 0
ORDER BY facts.amount DESC, facts.finding_id LIMIT 15
""",
    none="CRM and billing agree.",
)

LEAKAGE_BY_TYPE = Worklist(
    "finance",
    "The ledger between CRM and billing",
    "all findings by kind",
    "revenue_leakage",
    (
        Column("Finding"),
        Column("Findings", _COUNT),
        Column("Amount", _MONEY),
        Column("Oldest", DAY),
    ),
    """
SELECT replace(type, '_', ' '), count(*), sum(amount) AS amount, min(since_on), NULL
FROM metrics.revenue_leakage GROUP BY type ORDER BY amount DESC NULLS LAST, type
""",
    none="CRM and billing agree.",
)

BRIDGE = Worklist(
    "finance",
    "MRR bridge",
    "the last six closed months; opening and movements are the closing, to the cent",
    "mrr_movements",
    (
        Column("Month", MONTH),
        Column("Opening", _MONEY),
        Column("New", _MONEY),
        Column("Expansion", _MONEY),
        Column("Reactivation", _MONEY),
        Column("Contraction", _MONEY),
        Column("Churn", _MONEY),
        Column("FX and other", _MONEY),
        Column("Closing", _MONEY),
    ),
    """
WITH levels AS (
  SELECT period_start_on, sum(opening) AS opening, sum(closing) AS closing FROM (
    SELECT period_start_on, customer_id, any_value(opening_mrr) AS opening,
      any_value(closing_mrr) AS closing
    FROM metrics.mrr_movements GROUP BY period_start_on, customer_id)
  GROUP BY period_start_on
), moved AS (
  SELECT period_start_on,
    sum(CASE WHEN movement = 'new' THEN amount ELSE 0 END) AS new,
    sum(CASE WHEN movement = 'expansion' THEN amount ELSE 0 END) AS expansion,
    sum(CASE WHEN movement = 'reactivation' THEN amount ELSE 0 END) AS reactivation,
    sum(CASE WHEN movement = 'contraction' THEN amount ELSE 0 END) AS contraction,
    sum(CASE WHEN movement = 'churn' THEN amount ELSE 0 END) AS churn,
    sum(CASE WHEN movement IN ('fx', 'restatement') THEN amount ELSE 0 END) AS other
  FROM metrics.mrr_movements GROUP BY period_start_on
)
SELECT period_start_on, opening, new, expansion, reactivation, contraction, churn, other, closing,
  NULL
FROM levels JOIN moved USING (period_start_on) ORDER BY period_start_on DESC LIMIT 6
""",
    none="No month is closed yet.",
)

COMMITTED = Worklist(
    "finance",
    "Committed ARR",
    "the last month that can be judged, by what it is made of",
    "committed_arr",
    (
        Column("Part"),
        Column("ARR", _MONEY),
        Column("Customers", _COUNT),
    ),
    """
SELECT replace(json_extract_string(dimensions, '$.part'), '_', ' ') AS part, value, n, NULL
FROM metrics.metric_values
WHERE metric = 'committed_arr' AND grain = 'month'
  AND json_extract_string(dimensions, '$.part') IS NOT NULL
  AND period_start_on = (
    SELECT max(period_start_on) FROM metrics.metric_values
    WHERE metric = 'committed_arr' AND grain = 'month' AND is_mature)
ORDER BY value DESC NULLS LAST, part
""",
    none="No month is closed yet.",
)

LISTS = (
    *(ATTRIBUTION, CAMPAIGNS, TARGETS),
    *(STUCK, SLIPPED, COVERAGE),
    *(RENEWALS, UNRECOVERED),
    *(LEAKAGE, LEAKAGE_BY_TYPE, BRIDGE, COMMITTED),
)
