"""What Salesforce gives to the conformed entities.

Belongs here: the list of offers, and those of users, companies and money. Does not: people
(`offers_people.py`), activities (`offers_activities.py`), opportunities (`offers_deals.py`,
`offers_snapshots.py`) and campaigns (`offers_marketing.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.salesforce import sql
from revops_pipelines.resources.sources.salesforce.offers_activities import activities
from revops_pipelines.resources.sources.salesforce.offers_deals import (
    opportunities,
    opportunity_contacts,
    stage_history,
)
from revops_pipelines.resources.sources.salesforce.offers_marketing import campaigns, touchpoints
from revops_pipelines.resources.sources.salesforce.offers_people import leads, merges
from revops_pipelines.resources.sources.salesforce.offers_snapshots import snapshots
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

# Salesforce keeps rates to six decimals.
_RATE_DECIMALS = 6
# Markets quote 1.0812 and 149.25.
_QUOTED_DIGITS = 5


def offers(options: SalesforceOptions) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    return (
        Offer("users", _users(options), ("users", "user_roles")),
        Offer("accounts", _accounts(options), ("accounts",)),
        leads(options),
        activities(options),
        campaigns(options),
        touchpoints(options),
        opportunities(options),
        opportunity_contacts(),
        stage_history(options),
        snapshots(options),
        Offer("quotas", _quotas(options), ("forecasting_quotas", "periods")),
        Offer("fx_rates", _fx_rates(options), ("dated_conversion_rates", "currency_types")),
        Offer("contracts", _contracts(options), ("contracts", "orders", "accounts")),
        merges(),
    )


def _users(options: SalesforceOptions) -> str:
    """Users who are people; integrations and portal users are not."""
    role = sql.filled("r.name")
    team = f"coalesce({sql.field_of('u', options.team_field)}, {role})"
    return f"""
    SELECT {sql.named("u.id")} AS user_id,
           {sql.filled("u.name")} AS name,
           lower({sql.filled("u.email")}) AS email,
           {team} AS team,
           {sql.filled("u.time_zone")} AS time_zone,
           coalesce(u.is_active, true) AS is_active,
           u.id AS source_id, u._updated_at, u._deleted_at
    FROM raw.@source__users u
    LEFT JOIN raw.@source__user_roles r ON r.id = u.role_id
    WHERE coalesce(u.user_type, 'Standard') = 'Standard'
    """


def _accounts(options: SalesforceOptions) -> str:
    site = f"regexp_replace(lower({sql.filled('a.website')}), '^(https?://)?(www\\.)?', '')"
    employees = "TRY_CAST(a.employees AS BIGINT)"
    return f"""
    WITH RECURSIVE {sql.COMPANIES}
    SELECT {sql.named("a.id")} AS account_id,
           {sql.filled("a.name")} AS name,
           nullif(split_part({site}, '/', 1), '') AS domain,
           {sql.filled("a.industry")} AS industry,
           a.employees,
           {sql.segment_of(employees, options)} AS segment,
           {sql.country_of("a.country_code", "a.country")} AS country,
           {sql.field_of("a", options.region_field)} AS region,
           {sql.named(sql.filled("a.owner_id"))} AS owner_id,
           {sql.named("p.account_id")} AS parent_account_id,
           a.created_at,
           {sql.url(options, "a.id")} AS url,
           {sql.custom("a")} AS custom,
           a.id AS source_id, a._updated_at, a._deleted_at
    FROM raw.@source__accounts a
    LEFT JOIN companies p ON p.id = {sql.filled("a.parent_id")}
    WHERE {sql.filled("a.master_id")} IS NULL
    """


def _quotas(options: SalesforceOptions) -> str:
    """Quotas in money; a quota without a period is of the month that it starts in."""
    ends = "coalesce(p.ends_on + 1, q.starts_on + INTERVAL 1 MONTH)"
    return f"""
    SELECT {sql.named("q.id")} AS quota_id,
           {sql.named(sql.filled("q.user_id"))} AS user_id,
           coalesce(p.starts_on, q.starts_on) AS period_start_on,
           CAST({ends} AS DATE) AS period_end_on,
           {sql.filled("q.amount")} AS amount,
           upper(coalesce({sql.filled("q.currency")}, '{options.currency}')) AS currency,
           q.id AS source_id, q._updated_at, q._deleted_at
    FROM raw.@source__forecasting_quotas q
    LEFT JOIN raw.@source__periods p ON p.id = q.period_id
    WHERE {sql.filled("q.amount")} IS NOT NULL
    """


def _fx_rates(options: SalesforceOptions) -> str:
    """Dated rates; of a currency without any, the one rate it has, from ever.

    Salesforce says how much of a currency one unit of the corporate one is worth; we need the
    inverse. Of the two, one was typed and the other computed: 0.924898 is the inverse of 1.0812,
    for rates are quoted with five digits; but 0.92 is itself, and its inverse as long as it is.
    """
    short = f"""list_filter(
                   list_transform(range(2, 9),
                                  lambda places: round(1 / told, CAST(places AS INTEGER))),
                   lambda rate: rate > 0 AND round(1 / rate, {_RATE_DECIMALS}) = told)[1]"""
    return f"""
    WITH base AS (
        SELECT coalesce(any_value(upper(currency)), '{options.currency}') AS currency
        FROM raw.@source__currency_types WHERE is_corporate
    ),
    told AS (
        SELECT id, upper(currency) AS currency, TRY_CAST(rate AS DOUBLE) AS told, starts_on,
               _updated_at, _deleted_at
        FROM raw.@source__dated_conversion_rates
        UNION ALL
        SELECT id, upper(currency), TRY_CAST(rate AS DOUBLE), DATE '1990-01-01', _updated_at,
               _deleted_at
        FROM raw.@source__currency_types
        WHERE upper(currency) NOT IN (
            SELECT upper(currency) FROM raw.@source__dated_conversion_rates
            WHERE currency IS NOT NULL AND _deleted_at IS NULL)
    ),
    inverted AS (
        SELECT *, {short} AS short FROM told WHERE told > 0
    )
    SELECT t.currency, base.currency AS base_currency,
           CAST(CASE WHEN {_digits("short")} <= greatest({_QUOTED_DIGITS}, {_digits("told")})
                     THEN short
                     ELSE 1 / told END AS DECIMAL(24, 10)) AS rate,
           t.starts_on AS valid_on,
           t.id AS source_id, t._updated_at, t._deleted_at
    FROM inverted t CROSS JOIN base
    WHERE t.currency <> base.currency
    """


def _digits(number: str) -> str:
    return f"length(ltrim(replace(CAST({number} AS VARCHAR), '.', ''), '0'))"


def _contracts(options: SalesforceOptions) -> str:
    """Contracts that were activated; a year's worth comes from their orders."""
    ends = (
        "coalesce(c.ends_on + 1, "
        "CAST(c.starts_on + to_months(TRY_CAST(c.term_months AS INTEGER)) AS DATE))"
    )
    return f"""
    WITH RECURSIVE {sql.COMPANIES},
    ordered AS (
        SELECT contract_id, sum(TRY_CAST(amount AS DECIMAL(18, 2))) AS amount,
               any_value(currency) AS currency
        FROM raw.@source__orders
        WHERE _deleted_at IS NULL AND contract_id IS NOT NULL
          AND coalesce(status, '') NOT IN ('Draft', 'Canceled', 'Cancelled')
        GROUP BY contract_id
    )
    SELECT {sql.named("c.id")} AS contract_id,
           {sql.named("f.account_id")} AS account_id,
           c.starts_on,
           {ends} AS ends_on,
           {ends} AS renewal_on,
           {ends} - coalesce(TRY_CAST(c.notice_days AS INTEGER), 0) AS notice_on,
           CASE WHEN TRY_CAST(c.term_months AS INTEGER) > 0
                THEN CAST(o.amount * 12 / TRY_CAST(c.term_months AS INTEGER) AS DECIMAL(18, 2))
           END AS annual_amount,
           upper(coalesce({sql.filled("o.currency")}, {sql.field_of("c", "CurrencyIsoCode")},
                          '{options.currency}')) AS currency,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM raw.@source__contracts c
    LEFT JOIN ordered o ON o.contract_id = c.id
    LEFT JOIN companies f ON f.id = {sql.filled("c.account_id")}
    WHERE c.starts_on IS NOT NULL AND coalesce(c.status, '') <> 'Draft'
    """
