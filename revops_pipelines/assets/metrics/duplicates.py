"""duplicates: people and companies that are probably in the systems more than once."""

from __future__ import annotations

from revops_pipelines.assets.metrics._duplicate_pairs import probable_duplicates
from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
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

# Records known and living at the instant of knowledge. Whoever is no lead at all (a test, spam, one
# of us) is no duplicate either: nobody works such records off.
DETAIL = """
WITH touched_people AS (
  SELECT activities.lead_id, COUNT(*) AS activities
  FROM conformed.activities AS activities
  CROSS JOIN ops.parameters AS parameters
  WHERE activities.occurred_at <= parameters.as_of_at
    AND (activities._deleted_at IS NULL OR activities._deleted_at > parameters.as_of_at)
  GROUP BY activities.lead_id
), touched_companies AS (
  SELECT activities.account_id, COUNT(*) AS activities
  FROM conformed.activities AS activities
  CROSS JOIN ops.parameters AS parameters
  WHERE activities.occurred_at <= parameters.as_of_at
    AND (activities._deleted_at IS NULL OR activities._deleted_at > parameters.as_of_at)
  GROUP BY activities.account_id
)
SELECT
  'leads' AS entity,
  leads.lead_id AS record_id,
  leads.source,
  leads.full_name AS name,
  leads.email,
  NULL AS domain,
  leads.account_id AS company_id,
  NULL AS parent_id,
  leads.country,
  leads.created_at,
  COALESCE(touched_people.activities, 0) AS activities,
  leads.url AS link
FROM conformed.leads AS leads
CROSS JOIN ops.parameters AS parameters
LEFT JOIN touched_people ON touched_people.lead_id = leads.lead_id
WHERE COALESCE(leads.excluded_reason, '') NOT IN ('test', 'spam', 'internal')
  AND leads.created_at <= parameters.as_of_at
  AND (leads._deleted_at IS NULL OR leads._deleted_at > parameters.as_of_at)
UNION ALL
SELECT
  'accounts' AS entity,
  accounts.account_id AS record_id,
  accounts.source,
  accounts.name,
  NULL AS email,
  accounts.domain,
  NULL AS company_id,
  accounts.parent_account_id AS parent_id,
  accounts.country,
  accounts.created_at,
  COALESCE(touched_companies.activities, 0) AS activities,
  accounts.url AS link
FROM conformed.accounts AS accounts
CROSS JOIN ops.parameters AS parameters
LEFT JOIN touched_companies ON touched_companies.account_id = accounts.account_id
WHERE (accounts.created_at IS NULL OR accounts.created_at <= parameters.as_of_at)
  AND (accounts._deleted_at IS NULL OR accounts._deleted_at > parameters.as_of_at)
"""

# Both ends of every pair; a record with a double in another system counts there and not within.
DOUBLED = Fragment(
    "doubled",
    """
WITH ends AS (
  SELECT entity, record_id, span, state FROM metrics.duplicates
  UNION ALL
  SELECT entity, other_id AS record_id, span, state FROM metrics.duplicates
  WHERE other_id IS NOT NULL
)
SELECT
  entity,
  record_id,
  MAX(CASE WHEN state = 'probable' THEN 1 ELSE 0 END) AS is_double,
  MAX(CASE WHEN state = 'probable' AND span = 'across' THEN 1 ELSE 0 END) AS is_across
FROM ends
GROUP BY entity, record_id
""",
)

LEADS = """
SELECT
  periods.grain,
  periods.period_start_on,
  leads.lead_id,
  CASE
    WHEN known.excluded_reason IN ('test', 'spam', 'internal') THEN known.excluded_reason
    WHEN known._deleted_at <= parameters.as_of_at THEN 'deleted'
    WHEN doubled.is_double = 0 THEN 'too_common_to_compare'
  END AS excluded,
  leads.segment,
  leads.industry,
  leads.region,
  leads.owner,
  leads.team,
  leads.channel,
  COALESCE(doubled.is_double, 0) AS is_double,
  COALESCE(doubled.is_across, 0) AS is_across
FROM counted_leads AS leads
JOIN conformed.leads AS known ON known.lead_id = leads.lead_id
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS periods
  ON periods.period_start_on <= parameters.as_of_on
  AND periods.period_end_on > parameters.as_of_on
LEFT JOIN doubled ON doubled.entity = 'leads' AND doubled.record_id = leads.lead_id
WHERE known.created_at <= parameters.as_of_at
"""

ACCOUNTS = """
SELECT
  periods.grain,
  periods.period_start_on,
  accounts.account_id,
  CASE
    WHEN accounts._deleted_at <= parameters.as_of_at THEN 'deleted'
    WHEN doubled.is_double = 0 THEN 'too_common_to_compare'
  END AS excluded,
  accounts.segment,
  accounts.industry,
  accounts.region,
  accounts.owner_id AS owner,
  users.team,
  COALESCE(doubled.is_double, 0) AS is_double,
  COALESCE(doubled.is_across, 0) AS is_across
FROM conformed.accounts AS accounts
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS periods
  ON periods.period_start_on <= parameters.as_of_on
  AND periods.period_end_on > parameters.as_of_on
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
LEFT JOIN doubled ON doubled.entity = 'accounts' AND doubled.record_id = accounts.account_id
WHERE accounts.created_at IS NULL OR accounts.created_at <= parameters.as_of_at
"""

ALL = Ratio(numerator="SUM(is_double)")
ACROSS = Ratio(numerator="SUM(is_across)")
WITHIN = Ratio(numerator="SUM(is_double - is_across)")
SHARE = Ratio(numerator="SUM(is_double)", denominator="COUNT(*)", interval="wilson")


def _people(suffix: str, title: str, rollup: Ratio) -> Series:
    return Series(
        metric=f"duplicates{suffix}",
        title=title,
        unit="count" if rollup.denominator is None else "share",
        facts=LEADS,
        rollup=rollup,
        subject="lead_id",
        dimensions=LEAD_DIMENSIONS,
        fragments=(COUNTED_LEADS, DOUBLED),
        is_placed=True,
    )


def _companies(suffix: str, title: str, rollup: Ratio) -> Series:
    return Series(
        metric=f"duplicates_accounts{suffix}",
        title=title,
        unit="count" if rollup.denominator is None else "share",
        facts=ACCOUNTS,
        rollup=rollup,
        subject="account_id",
        dimensions=each("segment", "industry", "region", "owner", "team"),
        fragments=(DOUBLED,),
        is_placed=True,
    )


METRIC = Metric(
    name="duplicates",
    title="Probable duplicates",
    stage="trust",
    owner="revenue-operations",
    format="number",
    better="lower",
    meaning=(
        "People who have, with a probability of 0.9 or more, another record in the same system or "
        "in another one, as of now. Records that were merged, or that identity resolution has "
        "folded into one, count no more. The probability weighs name, e-mail address, company and "
        "country by how often records of one person agree in them and how often others do "
        "(Fellegi and Sunter); a rare name says more than a common one. Beside it the same for "
        "companies, by name, web domain and country, and the shares of all records. "
        "`metrics.duplicates` lists the pairs with their evidence and the record to keep."
    ),
    excludes=(
        "deleted records; test, spam and internal people",
        "records that share name, mailbox and company with more than 100 others and could "
        "therefore not be compared",
        "a company and its parent, or two daughters of one parent, however alike",
        "two addresses at two companies, even under one name: these are two contacts",
    ),
    formula="records in at least one pair with match probability >= 0.9",
    differs=(
        "Salesforce's standard matching rules compare the fields of a record by fixed algorithms "
        "when it is saved, inside Salesforce (developer.salesforce.com/files/accessibility/"
        "sales_admin_duplicate_management/sales_admin_duplicate_management_unit_2/index.html); "
        "here what an agreement is worth depends on how common the value is, all records are "
        "compared, and those of other systems too.",
    ),
    inputs=(
        *LEAD_INPUTS,
        "conformed.activities",
        "metrics.duplicates",
        "ops.parameters",
        "ops.periods",
    ),
    series=(
        _people("", "People recorded twice", ALL),
        _people("_within", "People recorded twice in one system", WITHIN),
        _people("_across", "People recorded in two systems", ACROSS),
        _people("_share", "Share of people recorded twice", SHARE),
        _companies("", "Companies recorded twice", ALL),
        _companies("_within", "Companies recorded twice in one system", WITHIN),
        _companies("_across", "Companies recorded in two systems", ACROSS),
        _companies("_share", "Share of companies recorded twice", SHARE),
    ),
    detail=Detail(
        table="duplicates",
        description=(
            "A row per pair of records that are probably one: a list to work off, cluster by "
            "cluster. Identifiers only; names and addresses stay where they are."
        ),
        key=("entity", "record_id", "other_id"),
        columns=(
            DetailColumn("entity", "VARCHAR", "leads or accounts."),
            DetailColumn("record_id", "VARCHAR", "One record: a lead_id or account_id."),
            DetailColumn("other_id", "VARCHAR", "The other; null where nothing was compared."),
            DetailColumn(
                "state",
                "VARCHAR",
                "probable, or not_compared: a record in blocks too large to compare.",
            ),
            DetailColumn(
                "match_probability", "DOUBLE", "How probably the two are one, from 0.9 to 1."
            ),
            DetailColumn("evidence", "VARCHAR", "In words, how the two agree and differ."),
            DetailColumn("span", "VARCHAR", "within one system, or across two."),
            DetailColumn(
                "cluster_id", "VARCHAR", "First identifier of all records that pairs chain up."
            ),
            DetailColumn("keep_id", "VARCHAR", "The cluster's record to keep when merging."),
            DetailColumn(
                "keep_because",
                "VARCHAR",
                "Why that one: most activity, oldest, or else the first identifier.",
            ),
            DetailColumn("source", "VARCHAR", "System of the record."),
            DetailColumn("other_source", "VARCHAR", "System of the other."),
            DetailColumn("link", "VARCHAR", "Where the record is looked at in its system."),
            DetailColumn("other_link", "VARCHAR", "Where the other is."),
        ),
        sql=DETAIL,
        model=probable_duplicates,
    ),
    identities=(
        Identity(
            "pairs_are_of_living_records",
            "Both records of a pair exist and are not folded into another.",
            """
            SELECT pairs.record_id FROM metrics.duplicates AS pairs
            WHERE pairs.entity = 'leads' AND pairs.state = 'probable' AND (
              NOT EXISTS (
                SELECT 1 FROM conformed.leads AS one WHERE one.lead_id = pairs.record_id)
              OR NOT EXISTS (
                SELECT 1 FROM conformed.leads AS other WHERE other.lead_id = pairs.other_id))
            UNION ALL
            SELECT pairs.record_id FROM metrics.duplicates AS pairs
            WHERE pairs.entity = 'accounts' AND pairs.state = 'probable' AND (
              NOT EXISTS (
                SELECT 1 FROM conformed.accounts AS one WHERE one.account_id = pairs.record_id)
              OR NOT EXISTS (
                SELECT 1 FROM conformed.accounts AS other
                WHERE other.account_id = pairs.other_id))
            """,
        ),
        Identity(
            "one_record_leads",
            "A record belongs to one cluster, and each cluster keeps one of its own records.",
            """
            WITH ends AS (
              SELECT entity, cluster_id, keep_id, record_id AS id FROM metrics.duplicates
              WHERE state = 'probable'
              UNION
              SELECT entity, cluster_id, keep_id, other_id FROM metrics.duplicates
              WHERE state = 'probable'
            )
            SELECT id FROM ends GROUP BY entity, id
            HAVING COUNT(DISTINCT cluster_id) > 1 OR COUNT(DISTINCT keep_id) > 1
            UNION ALL
            SELECT cluster_id FROM ends GROUP BY entity, cluster_id, keep_id
            HAVING SUM(CASE WHEN id = keep_id THEN 1 ELSE 0 END) <> 1
            """,
        ),
        Identity(
            "within_and_across_are_all",
            "Doubles within a system and across systems add up to all of them.",
            """
            SELECT whole.period_start_on
            FROM metrics.metric_values AS whole
            JOIN metrics.metric_values AS part
              ON part.grain = whole.grain
              AND part.period_start_on = whole.period_start_on
              AND CAST(part.dimensions AS VARCHAR) = CAST(whole.dimensions AS VARCHAR)
              AND part.metric IN (whole.metric || '_within', whole.metric || '_across')
            WHERE whole.metric IN ('duplicates', 'duplicates_accounts')
            GROUP BY whole.metric, whole.grain, whole.period_start_on,
              CAST(whole.dimensions AS VARCHAR), whole.value
            HAVING SUM(part.value) <> whole.value
            """,
        ),
    ),
    example=Example(
        story=(
            "Four contacts at one company and one elsewhere. Jane Doe was entered again by a form "
            "with another address, and a list has her as `Doe, Jane` without one: three records "
            "of one person, of which the oldest is kept. Bob Doe is another person of her "
            "surname, and the Jane Doe of another company is another contact. Of five people, "
            "three are in a cluster."
        ),
        tables={
            "leads": """
                lead_id | full_name | email | account_id | country | created_at
                crm:1 | Jane Doe | jane.doe@acme.example | crm:acme | US | 2026-01-05 09:00:00
                crm:2 | Jane Doe | jdoe@acme.example | crm:acme | US | 2026-03-02 09:00:00
                list:3 | Doe, Jane | | crm:acme | | 2026-04-20 09:00:00
                crm:4 | Bob Doe | bob.doe@acme.example | crm:acme | US | 2026-02-01 09:00:00
                crm:5 | Jane Doe | jane.doe@other.example | crm:other | US | 2026-02-01 09:00:00
            """,
        },
        results=(("duplicates", "2026-06-01", "3"),),
    ),
)
