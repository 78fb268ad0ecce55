"""A company a hundred times the size, as Parquet files for the `files` source.

Belongs here: making the files with DuckDB alone, and the settings that read them. Does not:
running anything on them (`nights.py`).

At size 1 there are 500,000 leads, 6 million activities, 200,000 deals with 760,000 stays in stages,
80,000 customers. Everything follows from row numbers and `hash`, so it is the same every time,
counted back from `today`. It is made to be big, not to be true: the sandbox is.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

LEADS, ACTIVITIES, DEALS, CUSTOMERS = 500_000, 6_000_000, 200_000, 80_000
_DAYS = 730
_TEAMS = ("Americas", "EMEA", "APAC")
_CURRENCIES = ("USD", "USD", "USD", "USD", "EUR", "GBP")


def make(folder: str, today: str, size: float = 1.0) -> dict[str, int]:
    """Write the files and `revops.toml`; returns rows per file."""
    target = Path(folder)
    (target / "files").mkdir(parents=True, exist_ok=True)
    (target / "revops.toml").write_text('[sources.files]\npath = "files"\n', encoding="utf-8")
    rows = {}
    with duckdb.connect() as connection:
        connection.execute(_MACROS.format(today=date.fromisoformat(today).isoformat()))
        for name, sql in _tables(size).items():
            path = target / "files" / f"{name}.parquet"
            done = connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)").fetchone()
            rows[name] = int(done[0]) if done else 0
    return rows


# `pick` draws a whole number below `most` for row `i`, another one for each `salt`; `moment` a time
# of the 730 days before today, in working hours for most.
_MACROS = f"""
CREATE MACRO pick(i, salt, most) AS CAST(hash(i * 1000003 + salt) % most AS BIGINT);
CREATE MACRO moment(i, salt) AS CAST(DATE '{{today}}' AS TIMESTAMP) - INTERVAL {_DAYS} DAY
  + pick(i, salt, {_DAYS}) * INTERVAL 1 DAY + (8 + pick(i, salt + 1, 11)) * INTERVAL 1 HOUR
  + pick(i, salt + 2, 3600) * INTERVAL 1 SECOND;
CREATE MACRO past(seen) AS
  CASE WHEN seen < CAST(DATE '{{today}}' AS TIMESTAMP) THEN seen END;
CREATE MACRO one_of(i, salt, words) AS words[1 + pick(i, salt, len(words))];
"""

_CLOSES = "(moment(i, 37) + (10 + pick(i, 39, 120)) * INTERVAL 1 DAY)"
_CLOSED = f"(i % 8 <> 7 AND past({_CLOSES}) IS NOT NULL)"


def _enters(stage: str) -> str:
    """When a deal enters a stage: the last when it closes, the others a quarter of the way each."""
    way = f"({stage} * (10 + pick(i, 39, 120)) * 86400 // 4)"
    return f"(moment(i, 37) + {way} * INTERVAL 1 SECOND)"


def _tables(size: float) -> dict[str, str]:
    leads, activities = int(LEADS * size), int(ACTIVITIES * size)
    deals, customers = int(DEALS * size), int(CUSTOMERS * size)
    accounts = max(1, customers * 2)
    return {
        "users": f"""
            SELECT 'u' || i AS user_id, 'User ' || i AS name,
              'user' || i || '@ours.example' AS email,
              one_of(i, 1, {list(_TEAMS)}) AS team, 'UTC' AS time_zone, i % 20 <> 0 AS is_active
            FROM range(200) t(i)""",
        "accounts": f"""
            SELECT 'a' || i AS account_id, 'Account ' || i AS name,
              'account' || i || '.example' AS domain, 'Industry ' || pick(i, 2, 12) AS industry,
              10 + pick(i, 3, 5000) AS employees, one_of(i, 4, ['SMB', 'MID', 'ENT']) AS segment,
              one_of(i, 5, ['US', 'DE', 'GB', 'JP']) AS country,
              one_of(i, 6, ['North', 'South', 'East', 'West']) AS region,
              'u' || pick(i, 7, 200) AS owner_id, moment(i, 8) AS created_at
            FROM range({accounts}) t(i)""",
        "leads": f"""
            SELECT 'l' || i AS lead_id, 'a' || pick(i, 11, {accounts}) AS account_id,
              'u' || pick(i, 12, 200) AS owner_id,
              'person' || i || '@account' || pick(i, 11, {accounts}) || '.example' AS email,
              'Person ' || i AS full_name, 'US' AS country,
              one_of(i, 13, ['organic_search', 'paid_search', 'referral', 'event']) AS channel,
              'lead' AS lifecycle_stage, i % 5 < 2 AS is_inbound,
              CASE WHEN i % 5 < 2 THEN moment(i, 14) END AS raised_at,
              moment(i, 14) + INTERVAL 5 MINUTE AS assigned_at,
              CASE WHEN i % 4 = 0 THEN past(moment(i, 14) + INTERVAL 3 DAY) END AS qualified_at,
              CASE WHEN i % 97 = 0 THEN 'test' END AS excluded_reason, moment(i, 14) AS created_at
            FROM range({leads}) t(i)""",
        # Two of three follow a lead's arrival within days, as answers do.
        "activities": f"""
            SELECT 'e' || i AS activity_id, 'l' || pick(i, 21, {leads}) AS lead_id,
              'u' || pick(i, 22, 200) AS user_id,
              one_of(i, 23, ['call', 'email', 'email', 'meeting', 'note', 'web']) AS kind,
              one_of(i, 24, ['outbound', 'outbound', 'inbound']) AS direction,
              i % 3 <> 0 AS is_human, i % 7 = 0 AS is_two_way,
              one_of(i, 25, ['connected', 'voicemail', 'bounced']) AS outcome,
              CASE WHEN i % 3 = 0 THEN moment(i, 26)
                ELSE moment(pick(i, 21, {leads}), 14) + pick(i, 27, 4000) * INTERVAL 1 MINUTE
              END AS occurred_at
            FROM range({activities}) t(i)""",
        "opportunities": f"""
            SELECT 'o' || i AS opportunity_id, 'a' || pick(i, 31, {accounts}) AS account_id,
              'l' || pick(i, 32, {leads}) AS lead_id, 'u' || pick(i, 33, 200) AS owner_id,
              'Deal ' || i AS name, one_of(i, 34, ['new', 'new', 'expansion', 'renewal']) AS kind,
              'sales' AS pipeline,
              CASE WHEN {_CLOSED} THEN CASE WHEN i % 4 = 0 THEN 'won' ELSE 'lost' END
                ELSE 'stage' || (i % 4) END AS stage,
              CAST(1000 + pick(i, 35, 90000) AS DECIMAL(18,2)) AS amount,
              one_of(i, 36, {list(_CURRENCIES)}) AS currency, moment(i, 37) AS created_at,
              past(moment(i, 37) + INTERVAL 4 DAY) AS qualified_at,
              CAST({_CLOSES} AS DATE) AS close_on,
              CASE WHEN {_CLOSED} THEN {_CLOSES} END AS closed_at, {_CLOSED} AS is_closed,
              {_CLOSED} AND i % 4 = 0 AS is_won,
              CASE WHEN {_CLOSED} AND i % 4 <> 0
                THEN one_of(i, 38, ['price', 'no decision', 'competitor']) END AS lost_reason
            FROM range({deals}) t(i)""",
        "opportunity_stage_history": f"""
            SELECT 'o' || i AS opportunity_id, 'sales' AS pipeline,
              CASE WHEN s = 4 THEN CASE WHEN i % 4 = 0 THEN 'won' ELSE 'lost' END
                ELSE 'stage' || s END AS stage,
              'Stage ' || s AS stage_label, s AS stage_order, s >= 1 AND s < 4 AS is_qualified,
              s = 4 AS is_closed, s = 4 AND i % 4 = 0 AS is_won, {_enters("s")} AS entered_at,
              CASE WHEN s < 4 AND (s < i % 4 OR {_CLOSED}) THEN {_enters("(s + 1)")} END
                AS left_at
            FROM range({deals}) t(i), range(5) u(s)
            WHERE s <= i % 4 OR {_CLOSED}""",
        "customers": f"""
            SELECT 'c' || i AS customer_id, 'a' || i AS account_id, 'Account ' || i AS name,
              'billing@account' || i || '.example' AS email,
              'account' || i || '.example' AS domain,
              one_of(i, 41, {list(_CURRENCIES)}) AS currency, moment(i, 42) AS created_at
            FROM range({customers}) t(i)""",
        "subscriptions": f"""
            SELECT 's' || i AS subscription_id, 'c' || i AS customer_id,
              CASE WHEN i % 6 = 0 THEN 'canceled' ELSE 'active' END AS status,
              one_of(i, 41, {list(_CURRENCIES)}) AS currency,
              CAST(moment(i, 42) AS DATE) AS started_on,
              CASE WHEN i % 6 = 0 THEN CAST(moment(i, 42) AS DATE) + 200 END AS ended_on,
              true AS is_auto_renewing
            FROM range({customers}) t(i)""",
        # Three periods each: the amount changes after 60 and after 120 days.
        "subscription_periods": f"""
            SELECT 's' || i AS subscription_id, 'c' || i AS customer_id, 'i' || i AS item_id,
              one_of(i, 43, ['basic', 'pro', 'enterprise']) AS product, 1 AS quantity,
              'active' AS status,
              CAST(50 + pick(i + 7919 * p, 44, 2000) AS DECIMAL(18,2)) AS monthly_amount,
              one_of(i, 41, {list(_CURRENCIES)}) AS currency,
              CAST(moment(i, 42) AS DATE) + CAST(60 * p AS INTEGER) AS valid_from_on,
              CASE WHEN p < 2 THEN CAST(moment(i, 42) AS DATE) + CAST(60 * p + 60 AS INTEGER)
                WHEN i % 6 = 0 THEN CAST(moment(i, 42) AS DATE) + 200 END AS valid_to_on
            FROM range({customers}) t(i), range(3) u(p)""",
        "fx_rates": f"""
            SELECT currency, 'USD' AS base_currency,
              CAST(CASE currency WHEN 'USD' THEN 1 WHEN 'EUR' THEN 1.1 ELSE 1.25 END
                AS DECIMAL(24,10)) AS rate,
              CAST(DATE '2015-01-01' + m * INTERVAL 1 MONTH AS DATE) AS valid_on
            FROM range(300) t(m), unnest({sorted(set(_CURRENCIES))}) u(currency)""",
    }
