"""target_account_engagement: how many of the companies that we want are really talking with us."""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
    each,
)

# What a person must have done: spoken or written with us, or turned to us by themselves. Mails
# opened and clicked are as often a scanner's work, visits are nobody's by name, and an automatic
# reply, a bounce or a meeting that was not held engages nobody.
ENGAGED_DAYS = Fragment(
    "engaged_days",
    """
WITH acts AS (
  SELECT activities.lead_id, activities.occurred_at, activities._deleted_at
  FROM conformed.activities AS activities
  WHERE activities.kind IN ('call', 'email', 'meeting', 'message', 'form')
    AND (activities.is_two_way OR activities.direction = 'inbound')
    AND COALESCE(LOWER(activities.outcome), '') NOT IN (
      'opened', 'clicked', 'delivered', 'auto_reply', 'out_of_office', 'bounced', 'unsubscribed',
      'spam', 'voicemail', 'no_answer', 'no_show', 'canceled', 'cancelled', 'rescheduled'
    )
  UNION ALL
  SELECT touchpoints.lead_id, touchpoints.occurred_at, touchpoints._deleted_at
  FROM conformed.touchpoints AS touchpoints
  WHERE LOWER(touchpoints.kind) IN ('form_fill', 'response', 'responded', 'attended')
)
SELECT DISTINCT
  leads.account_id,
  leads.lead_id,
  CASE WHEN acts.occurred_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS engaged_on
FROM acts
CROSS JOIN ops.parameters AS parameters
JOIN conformed.leads AS leads ON leads.lead_id = acts.lead_id
JOIN ops.reporting_days AS day ON day.utc_on = CAST(acts.occurred_at AS DATE)
WHERE acts.occurred_at <= parameters.as_of_at
  AND (acts._deleted_at IS NULL OR acts._deleted_at > parameters.as_of_at)
  AND (leads._deleted_at IS NULL OR leads._deleted_at > parameters.as_of_at)
  AND COALESCE(leads.excluded_reason, 'imported') = 'imported'
  AND leads.account_id IN (SELECT targets.account_id FROM conformed.target_accounts AS targets)
""",
)

LISTED = Fragment(
    "listed_accounts",
    """
SELECT
  targets.account_id,
  targets.list_name,
  targets.added_on,
  targets.removed_on,
  accounts.segment,
  accounts.industry,
  accounts.region,
  accounts.owner_id AS owner,
  users.team,
  CASE WHEN accounts._deleted_at <= parameters.as_of_at THEN 'deleted' END AS excluded
FROM conformed.target_accounts AS targets
CROSS JOIN ops.parameters AS parameters
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = targets.account_id
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
WHERE targets._deleted_at IS NULL OR targets._deleted_at > parameters.as_of_at
""",
)

# A stock: who is on the list on a period's last day (or now, while it runs), looked at over the
# days before. Periods before the first engagement that we know of say nothing of anybody.
JUDGED = Fragment(
    "judged_accounts",
    """
WITH since AS (
  SELECT MIN(engaged_on) AS first_on FROM engaged_days
), judged_days AS (
  SELECT
    periods.grain,
    periods.period_start_on,
    CASE WHEN periods.is_closed THEN periods.period_end_on - 1 ELSE parameters.as_of_on END
      AS judged_on
  FROM ops.periods AS periods
  CROSS JOIN ops.parameters AS parameters
  CROSS JOIN since
  WHERE periods.period_start_on <= parameters.as_of_on
    AND periods.period_end_on > since.first_on
), members AS (
  SELECT judged_days.grain, judged_days.period_start_on, judged_days.judged_on,
    listed_accounts.account_id, listed_accounts.list_name
  FROM judged_days
  JOIN listed_accounts
    ON (listed_accounts.added_on IS NULL OR listed_accounts.added_on <= judged_days.judged_on)
    AND (listed_accounts.removed_on IS NULL OR listed_accounts.removed_on > judged_days.judged_on)
), people AS (
  SELECT
    judged_days.grain,
    judged_days.period_start_on,
    engaged_days.account_id,
    COUNT(DISTINCT engaged_days.lead_id) AS engaged_people
  FROM judged_days
  CROSS JOIN ops.parameters AS parameters
  JOIN engaged_days
    ON engaged_days.engaged_on <= judged_days.judged_on
    AND engaged_days.engaged_on > judged_days.judged_on - parameters.engagement_days
  GROUP BY judged_days.grain, judged_days.period_start_on, engaged_days.account_id
)
SELECT
  members.grain,
  members.period_start_on,
  members.account_id,
  members.list_name,
  COALESCE(people.engaged_people, 0) AS engaged_people,
  COALESCE(people.engaged_people, 0) >= parameters.engaged_contacts AS is_engaged
FROM members
CROSS JOIN ops.parameters AS parameters
LEFT JOIN people
  ON people.grain = members.grain
  AND people.period_start_on = members.period_start_on
  AND people.account_id = members.account_id
""",
)

FACTS = """
SELECT
  judged.grain,
  judged.period_start_on,
  accounts.excluded,
  judged.account_id,
  accounts.segment,
  accounts.industry,
  accounts.region,
  accounts.owner,
  accounts.team,
  judged.is_engaged
FROM (SELECT DISTINCT grain, period_start_on, account_id, is_engaged FROM judged_accounts) AS judged
JOIN (
  SELECT DISTINCT account_id, segment, industry, region, owner, team, excluded
  FROM listed_accounts
) AS accounts ON accounts.account_id = judged.account_id
"""

BY_LIST = """
SELECT
  judged.grain,
  judged.period_start_on,
  accounts.excluded,
  judged.account_id,
  judged.list_name AS list,
  judged.is_engaged
FROM judged_accounts AS judged
JOIN listed_accounts AS accounts
  ON accounts.account_id = judged.account_id AND accounts.list_name = judged.list_name
"""

NOW = """
WITH listed_now AS (
  SELECT listed_accounts.account_id, MIN(listed_accounts.owner) AS owner_id,
    MIN(listed_accounts.excluded) AS excluded
  FROM listed_accounts
  CROSS JOIN ops.parameters AS parameters
  WHERE (listed_accounts.added_on IS NULL OR listed_accounts.added_on <= parameters.as_of_on)
    AND (listed_accounts.removed_on IS NULL OR listed_accounts.removed_on > parameters.as_of_on)
  GROUP BY listed_accounts.account_id
), engaged AS (
  SELECT
    engaged_days.account_id,
    COUNT(DISTINCT CASE WHEN engaged_days.engaged_on
      > parameters.as_of_on - parameters.engagement_days THEN engaged_days.lead_id END)
      AS engaged_people,
    SUM(CASE WHEN engaged_days.engaged_on
      > parameters.as_of_on - parameters.engagement_days THEN 1 ELSE 0 END) AS engaged_days,
    MAX(engaged_days.engaged_on) AS last_engaged_on
  FROM engaged_days
  CROSS JOIN ops.parameters AS parameters
  GROUP BY engaged_days.account_id
)
SELECT
  listed_now.account_id,
  listed_now.owner_id,
  COALESCE(engaged.engaged_people, 0) AS engaged_people,
  COALESCE(engaged.engaged_days, 0) AS engaged_days,
  engaged.last_engaged_on,
  COALESCE(engaged.engaged_people, 0) >= parameters.engaged_contacts AS is_engaged,
  listed_now.excluded
FROM listed_now
CROSS JOIN ops.parameters AS parameters
LEFT JOIN engaged ON engaged.account_id = listed_now.account_id
"""

FRAGMENTS = (ENGAGED_DAYS, LISTED, JUDGED)
SHARE = Ratio(
    numerator="SUM(CASE WHEN is_engaged THEN 1 ELSE 0 END)",
    denominator="COUNT(*)",
    interval="wilson",
)

METRIC = Metric(
    name="target_account_engagement",
    title="Engaged target accounts",
    stage="engage",
    owner="marketing-operations",
    format="percent",
    better="higher",
    meaning=(
        "Target accounts of which at least `engaged_contacts` different people engaged with us in "
        "the `engagement_days` before a period's last day (or now, while it runs), of all accounts "
        "on a list on that day. To engage is to speak, write or meet with us, to turn to us by "
        "call, mail or message, or to send a form. An account on several lists counts once, and "
        "on each in the breakdown by list. The detail is the list as it stands, with how many "
        "people engaged and when last."
    ),
    formula="accounts with k or more engaged people in the window / accounts on the list",
    excludes=(
        "mails opened or clicked, visits and automatic replies: scanners do these, too",
        "any number of acts of one person: an account needs several",
        "our own attempts that nobody answered, and meetings that were not held",
        "test, spam, internal, invalid and deleted people; deleted accounts",
        "accounts not yet, or no longer, on a list",
    ),
    differs=(
        "Demandbase adds up engagement points that each customer sets, web visits among them, and "
        "rewrites the past when the rules change (support.demandbase.com, Engagement Points); "
        "here there are no points, and one busy person does not engage an account.",
        "Terminus also takes anonymous visits and intent surges as engagement "
        "(support.terminus.com, Customizable engagement); here only people known by name count.",
    ),
    inputs=(
        "conformed.accounts",
        "conformed.activities",
        "conformed.leads",
        "conformed.target_accounts",
        "conformed.touchpoints",
        "conformed.users",
        "ops.parameters",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="target_account_engagement",
            title="Engaged target accounts",
            unit="share",
            facts=FACTS,
            subject="account_id",
            fragments=FRAGMENTS,
            rollup=SHARE,
            dimensions=each("segment", "industry", "region", "owner", "team"),
            is_placed=True,
        ),
        Series(
            metric="target_account_engagement",
            title="Engaged target accounts by list",
            unit="share",
            facts=BY_LIST,
            subject="account_id",
            fragments=FRAGMENTS,
            rollup=SHARE,
            grains=("month", "quarter"),
            dimensions=each("list"),
            is_placed=True,
            has_total=False,
        ),
    ),
    detail=Detail(
        table="target_account_engagement",
        description="One row per account on a list now: how many of its people engaged, and when.",
        key=("account_id",),
        columns=(
            DetailColumn("account_id", "VARCHAR", "Company."),
            DetailColumn("owner_id", "VARCHAR", "User who owns it."),
            DetailColumn("engaged_people", "BIGINT", "Different people engaged in the window."),
            DetailColumn("engaged_days", "BIGINT", "Days on which they were, each by itself."),
            DetailColumn("last_engaged_on", "DATE", "Last day on which anybody was, ever."),
            DetailColumn("is_engaged", "BOOLEAN", "Enough people are."),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null where it does."),
        ),
        sql=NOW,
        fragments=(ENGAGED_DAYS, LISTED),
    ),
    identities=(
        Identity(
            "the_list_is_the_value",
            "The engaged accounts of the list as it stands are the present month's value.",
            """
            WITH listed AS (
              SELECT SUM(CASE WHEN is_engaged THEN 1 ELSE 0 END) AS engaged, COUNT(*) AS accounts
              FROM metrics.target_account_engagement WHERE excluded IS NULL
            )
            SELECT shown.period_start_on FROM metrics.metric_values AS shown
            CROSS JOIN ops.parameters AS parameters
            CROSS JOIN listed
            WHERE shown.metric = 'target_account_engagement' AND shown.grain = 'month'
              AND CAST(shown.dimensions AS VARCHAR) = '{}'
              AND shown.period_start_on <= parameters.as_of_on
              AND shown.period_end_on > parameters.as_of_on
              AND (shown.numerator <> listed.engaged OR shown.denominator <> listed.accounts)
            """,
        ),
    ),
    example=Example(
        story=(
            "Three companies are on the list in May. Of the first, two people wrote to us; of the "
            "second, one person sent forms on five days and another opened every mail; of the "
            "third, two people met us, but in January, more than 90 days before. One in three is "
            "engaged."
        ),
        tables={
            "target_accounts": """
account_id | list_name
one        | wanted
two        | wanted
three      | wanted
""",
            "leads": """
lead_id | account_id | created_at
1a      | one        | 2026-01-01
1b      | one        | 2026-01-01
2a      | two        | 2026-01-01
2b      | two        | 2026-01-01
3a      | three      | 2026-01-01
3b      | three      | 2026-01-01
""",
            "activities": """
activity_id | lead_id | kind    | direction | is_two_way | outcome   | occurred_at
1           | 1a      | email   | inbound   | true       | received  | 2026-05-04 10:00
2           | 1b      | email   | inbound   | true       | received  | 2026-05-05 10:00
3           | 2a      | form    | inbound   | false      |           | 2026-05-04 10:00
4           | 2a      | form    | inbound   | false      |           | 2026-05-05 10:00
5           | 2b      | email   | inbound   | false      | opened    | 2026-05-05 10:00
6           | 3a      | meeting | outbound  | true       | completed | 2026-01-10 10:00
7           | 3b      | meeting | outbound  | true       | completed | 2026-01-10 10:00
""",
        },
        results=(
            ("target_account_engagement", "2026-05-01", "0.33"),
            ("target_account_engagement", "2026-01-01", "0.33"),
        ),
    ),
)
