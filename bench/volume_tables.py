"""The tables of a very large company, as SQL over row numbers and `hash`.

Belongs here: one SELECT per conformed entity, with the proportions. Does not: writing them into a
warehouse (`volume_company.py`).

Everything follows from row numbers, so it is the same every time. It is made to be big and to have
what makes metrics work: several currencies, weekly and yearly prices, deletions, unpaid bills,
reopened stages, amounts and dates that move. It is not made to be true: the sandbox is.
"""

from __future__ import annotations

from dataclasses import dataclass

LEADS, ACTIVITIES, DEALS, CUSTOMERS = 1_000_000, 10_000_000, 300_000, 100_000
PERIODS_EACH, BILLS_EACH = 15, 12
USERS = 200
DAYS = 1095
TODAY = "2026-06-30"

_CURRENCIES = ["USD", "USD", "USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY"]
_GIVEN = (
    "Anna Maria Jane John Peter Paul Laura Emma Liam Noah Olivia Mia Lucas Hugo Alice Clara Ivan "
    "Olga Yuki Kenji Wei Ling Priya Arjun Fatima Omar Sofia Diego Carlos Lucia Bob Robert William "
    "Bill Elena Marco Giulia Lars Ingrid Sven"
).split()
_ENDINGS = "son berg mann ley ton ford well wood field stone man er ski ova ez ini ard ot eau ic"
_STEMS = "Ander Berg Carl Dal East Fair Gold Hart Iver John Kel Lind Mar Nor Os Pet Quin Rob Sand"

# `pick` draws a whole number below `most` for row `i`, another one for each `salt`; `moment` a time
# of the three years before today, in working hours for most.
MACROS = f"""
CREATE OR REPLACE TEMP MACRO today() AS DATE '{TODAY}';
CREATE OR REPLACE TEMP MACRO pick(i, salt, most) AS
  CAST(hash(i * 1000003 + salt) % CAST(most AS UBIGINT) AS BIGINT);
CREATE OR REPLACE TEMP MACRO moment(i, salt) AS make_timestamp(
  epoch_us(today() - {DAYS}) + 1000000 * (pick(i, salt, {DAYS}) * 86400
    + (8 + pick(i, salt + 1, 11)) * 3600 + pick(i, salt + 2, 3600)));
CREATE OR REPLACE TEMP MACRO past(seen) AS
  CASE WHEN seen < CAST(today() AS TIMESTAMP) THEN seen END;
CREATE OR REPLACE TEMP MACRO one_of(i, salt, words) AS words[1 + pick(i, salt, len(words))];
CREATE OR REPLACE TEMP MACRO lapsed(i, salt, share) AS
  CASE WHEN pick(i, salt, 1000) < share THEN past(moment(i, salt + 1)) END;
CREATE OR REPLACE TEMP MACRO currency_of(customer) AS one_of(customer, 41, {_CURRENCIES});
CREATE OR REPLACE TEMP MACRO letter(i, salt) AS chr(CAST(97 + pick(i, salt, 26) AS INTEGER));
CREATE OR REPLACE TEMP MACRO surname(i) AS
  one_of(i, 51, {_STEMS.split()}) || one_of(i, 52, {_ENDINGS.split()}) || letter(i, 53);
"""

# What several tables are made of: stays in stages, and subscriptions with their lives.
_STAYS = """
  WITH deals AS (
    SELECT i, moment(i, 37) AS created_at, 10 + pick(i, 39, 120) AS days,
      5 + pick(i, 40, 4) AS steps, CASE WHEN i % 8 <> 7 THEN i % 4 = 0 END AS ends_won,
      1000 + pick(i, 35, 90000) AS amount
    FROM range({deals}) t(i)
  ), stays AS (
    SELECT *, s = steps AND ends_won IS NOT NULL AS is_last,
      created_at + (days * 86400 * s // steps) * INTERVAL 1 SECOND AS entered_at
    FROM deals, range(9) u(s) WHERE s <= steps
  )
  SELECT i, s, created_at, entered_at, is_last,
    CASE WHEN is_last THEN CASE WHEN ends_won THEN 6 ELSE 7 END
      WHEN s = 3 AND i % 10 = 0 THEN 1 ELSE least(s, 5) END AS place,
    CAST(amount + CASE WHEN i % 3 = 0 THEN 250 * (s // 2) * (i % 5 - 2) ELSE 0 END
      AS DECIMAL(18,2)) AS amount,
    CAST(created_at + days * INTERVAL 1 DAY AS DATE)
      + CAST(CASE WHEN is_last THEN 0 WHEN i % 4 = 1 THEN 20 * (s // 2) ELSE 0 END AS INTEGER)
      AS close_on,
    lead(entered_at) OVER (PARTITION BY i ORDER BY s) AS left_at,
    s = max(s) OVER (PARTITION BY i) AS is_present
  FROM stays WHERE entered_at < CAST(today() AS TIMESTAMP)"""
_SOLD = """
  SELECT j, j // 2 AS customer, started_on, ended_on,
    greatest(1, (coalesce(ended_on, today()) - started_on) // {periods}) AS days,
    one_of(j, 62, ['month', 'month', 'month', 'month', 'year', 'year', 'week']) AS every
  FROM (
    SELECT *, CASE WHEN j % 3 = 0 THEN started_on + CAST(30 + pick(j, 64, alive) AS INTEGER) END
      AS ended_on
    FROM (
      SELECT j, 60 + pick(j, 61, 1400) AS alive, today() - CAST(90 + pick(j, 61, 1400) AS INTEGER)
        AS started_on
      FROM range({subscriptions}) t(j)
    )
  )"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of what everything else is in proportion to."""

    leads: int
    activities: int
    deals: int
    customers: int

    @classmethod
    def of(cls, size: float) -> Size:
        """The sizes at 1 are those that the aims speak of."""
        counts = (LEADS, ACTIVITIES, DEALS, CUSTOMERS)
        return cls(*(max(10, int(count * size)) for count in counts))


def building_blocks(size: Size) -> dict[str, str]:
    """Name -> SELECT of the temporary tables that `tables` read, in order."""
    return {
        "stays": _STAYS.format(deals=size.deals),
        "sold": _SOLD.format(subscriptions=size.customers * 2, periods=PERIODS_EACH),
        "bills": f"""
            SELECT j * {BILLS_EACH} + k AS b, sold.*,
              CAST(coalesce(ended_on, today()) - CAST(30 * k + pick(j, 71, 28) AS INTEGER)
                AS TIMESTAMP) + INTERVAL 9 HOUR AS issued_at,
              CASE WHEN k < 2 AND j % 25 = 0 THEN 'open' WHEN j % 50 = k THEN 'uncollectible'
                WHEN j % 60 = k THEN 'void' ELSE 'paid' END AS status,
              CAST(50 + pick(j, 72, 2000) AS DECIMAL(18,2)) AS amount
            FROM sold, range({BILLS_EACH}) u(k)
            WHERE coalesce(ended_on, today()) - CAST(30 * k + 30 AS INTEGER) >= started_on""",
    }


def tables(size: Size) -> dict[str, str]:
    """Entity -> SELECT of its rows, without the columns that every table has."""
    return {**_people(size), **_marketing(size), **_deals(size), **_billing(size), **_books()}


def _people(size: Size) -> dict[str, str]:
    accounts = size.customers * 5 // 2
    return {
        "users": f"""
            SELECT 'u' || i AS user_id, 'User ' || i AS name,
              'user' || i || '@ours.example' AS email,
              one_of(i, 1, ['Americas', 'EMEA', 'APAC']) AS team, 'UTC' AS time_zone,
              i % 20 <> 0 AS is_active
            FROM range({USERS}) t(i)""",
        "accounts": f"""
            SELECT 'a' || i AS account_id,
              upper(letter(i, 54)) || letter(i, 55) || letter(i, 56) || lower(surname(i))
                || one_of(i, 9, [' Group', ' Ltd', ' Works', ' Labs', '']) || ' '
                || (i - CASE WHEN i % 100 = 1 THEN 1 ELSE 0 END) AS name,
              'account' || (i - CASE WHEN i % 200 = 1 THEN 1 ELSE 0 END) || '.example' AS domain,
              'Industry ' || pick(i, 2, 12) AS industry, 10 + pick(i, 3, 5000) AS employees,
              one_of(i, 4, ['SMB', 'MID', 'ENT']) AS segment,
              one_of(i, 5, ['US', 'DE', 'GB', 'JP']) AS country,
              one_of(i, 6, ['North', 'South', 'East', 'West']) AS region,
              'u' || pick(i, 7, {USERS}) AS owner_id, moment(i, 8) AS created_at
            FROM range({accounts}) t(i)""",
        # Of a hundred people one is there twice, with a shortened mailbox.
        "leads": f"""
            WITH named AS (
              SELECT i, i - CASE WHEN i % 100 = 1 THEN 1 ELSE 0 END AS p
              FROM range({size.leads}) t(i)
            ), people AS (
              SELECT *, pick(p, 11, {accounts}) AS company, one_of(p, 50, {_GIVEN}) AS given,
                surname(p) AS surname, i % 5 < 2 AS is_inbound, moment(i, 14) AS born_at
              FROM named
            )
            SELECT 'l' || i AS lead_id, 'a' || company AS account_id,
              'u' || pick(i, 12, {USERS}) AS owner_id,
              lower(CASE WHEN i = p THEN given ELSE left(given, 1) END || '.' || surname)
                || '@account' || company || '.example' AS email,
              given || ' ' || surname AS full_name,
              one_of(i, 16, ['US', 'DE', 'GB', 'JP']) AS country,
              one_of(i, 13, ['organic_search', 'paid_search', 'referral', 'event']) AS channel,
              'lead' AS lifecycle_stage, is_inbound,
              CASE WHEN is_inbound THEN born_at END AS raised_at,
              born_at + INTERVAL 5 MINUTE AS assigned_at,
              CASE WHEN i % 4 = 0 THEN past(born_at + INTERVAL 3 DAY) END AS qualified_at,
              CASE WHEN i % 97 = 0 THEN 'test' END AS excluded_reason, born_at AS created_at,
              lapsed(i, 17, 3) AS _deleted_at
            FROM people""",
        # Two of three follow a lead's arrival within days, as answers do.
        "activities": f"""
            WITH touched AS (
              SELECT i, pick(i, 21, {size.leads}) AS lead FROM range({size.activities}) t(i)
            )
            SELECT 'e' || i AS activity_id, 'l' || lead AS lead_id,
              CASE WHEN i % 2 = 0 THEN 'a' || pick(i, 28, {accounts}) END AS account_id,
              'u' || pick(i, 22, {USERS}) AS user_id,
              one_of(i, 23, ['call', 'email', 'email', 'meeting', 'note', 'web']) AS kind,
              one_of(i, 24, ['outbound', 'outbound', 'inbound']) AS direction,
              i % 3 <> 0 AS is_human, i % 7 = 0 AS is_two_way,
              one_of(i, 25, ['connected', 'voicemail', 'bounced', NULL]) AS outcome,
              CASE WHEN i % 3 = 0 THEN moment(i, 26)
                ELSE moment(lead, 14) + pick(i, 27, 4000) * INTERVAL 1 MINUTE END AS occurred_at,
              lapsed(i, 29, 2) AS _deleted_at
            FROM touched""",
    }


def _marketing(size: Size) -> dict[str, str]:
    accounts, campaigns = size.customers * 5 // 2, max(10, size.customers // 250)
    return {
        "campaigns": f"""
            SELECT 'm' || i AS campaign_id, 'Campaign ' || i AS name,
              one_of(i, 81, ['webinar', 'paid_search', 'event', 'content']) AS channel,
              'program' AS kind, 'active' AS status, CAST(moment(i, 82) AS DATE) AS started_on,
              moment(i, 82) AS created_at
            FROM range({campaigns}) t(i)""",
        "touchpoints": f"""
            SELECT 't' || i AS touchpoint_id, 'l' || pick(i, 83, {size.leads}) AS lead_id,
              CASE WHEN i % 10 <> 0 THEN 'm' || pick(i, 84, {campaigns}) END AS campaign_id,
              one_of(i, 85, ['webinar', 'paid_search', 'event', 'content', 'email']) AS channel,
              one_of(i, 86, ['form_fill', 'click', 'attended']) AS kind,
              moment(i, 87) AS occurred_at, lapsed(i, 88, 2) AS _deleted_at
            FROM range({size.leads * 3}) t(i)""",
        "marketing_spend": f"""
            SELECT 'x' || i AS spend_id, 'm' || (i % {campaigns}) AS campaign_id,
              one_of(i % {campaigns}, 81, ['webinar', 'paid_search', 'event', 'content'])
                AS channel,
              CAST(moment(i, 89) AS DATE) AS spent_on,
              CAST(20 + pick(i, 90, 500) AS DECIMAL(18,2)) AS amount,
              one_of(i, 91, {_CURRENCIES}) AS currency
            FROM range({campaigns * 100}) t(i)""",
        "target_accounts": f"""
            SELECT 'a' || (i * 50) AS account_id, 'strategic' AS list_name,
              CAST(moment(i, 92) AS DATE) AS added_on
            FROM range({accounts // 50}) t(i)""",
        "web_traffic": f"""
            SELECT 'w' || i AS traffic_id, CAST(moment(i, 93) AS DATE) AS visited_on,
              one_of(i, 94, ['paid_search', 'organic_search', 'direct']) AS channel,
              'google' AS traffic_source, '/page' || pick(i, 95, 50) AS landing_page,
              pick(i, 96, 500) AS sessions, pick(i, 97, 400) AS users,
              CAST(pick(i, 98, 20) AS DECIMAL(18,4)) AS conversions, false AS is_approximate
            FROM range({size.customers}) t(i)""",
    }


_STAGE = "CASE place WHEN 6 THEN 'won' WHEN 7 THEN 'lost' ELSE 'stage' || place END"


def _deals(size: Size) -> dict[str, str]:
    accounts = size.customers * 5 // 2
    currency, deleted = f"one_of(i, 36, {_CURRENCIES})", "lapsed(i, 45, 5)"
    lead = f"pick(i, 32, {size.leads})"
    forecast = """CASE WHEN place = 6 THEN 'closed' WHEN place = 7 THEN 'omitted'
                WHEN place >= 5 THEN 'commit' WHEN place >= 3 THEN 'best_case'
                ELSE 'pipeline' END"""
    return {
        "opportunities": f"""
            SELECT 'o' || i AS opportunity_id, 'a' || pick(i, 31, {accounts}) AS account_id,
              'l' || {lead} AS lead_id, 'u' || pick(i, 33, {USERS}) AS owner_id,
              'Deal ' || i AS name, one_of(i, 34, ['new', 'new', 'expansion', 'renewal']) AS kind,
              'sales' AS pipeline, {_STAGE} AS stage, amount, {currency} AS currency, created_at,
              past(qualified_at) AS qualified_at, close_on,
              CASE WHEN is_last THEN entered_at END AS closed_at, is_last AS is_closed,
              place = 6 AS is_won,
              CASE WHEN place = 7 THEN one_of(i, 38, ['price', 'no decision', 'competitor']) END
                AS lost_reason,
              {forecast} AS forecast_category, {deleted} AS _deleted_at
            FROM stays
            JOIN (SELECT i, min(entered_at) FILTER (s > 0) AS qualified_at FROM stays GROUP BY i)
              USING (i)
            WHERE is_present""",
        "opportunity_contacts": f"""
            SELECT DISTINCT ON (opportunity_id, lead_id) * FROM (
              SELECT 'o' || i AS opportunity_id,
                'l' || CASE WHEN c = 0 THEN {lead} ELSE pick(i * 7 + c, 46, {size.leads}) END
                  AS lead_id, c = 0 AS is_primary
              FROM range({size.deals}) t(i), range(2) u(c))
            ORDER BY opportunity_id, lead_id, is_primary DESC""",
        "opportunity_stage_history": f"""
            SELECT 'o' || i AS opportunity_id, 'sales' AS pipeline, {_STAGE} AS stage,
              'Stage ' || place AS stage_label, least(place, 6) AS stage_order,
              place BETWEEN 1 AND 6 AS is_qualified, place >= 6 AS is_closed, place = 6 AS is_won,
              entered_at, left_at, amount, {deleted} AS _deleted_at
            FROM stays""",
        "opportunity_snapshots": f"""
            SELECT 'o' || i AS opportunity_id, CAST(entered_at AS DATE) AS snapshot_on,
              'sales' AS pipeline, {_STAGE} AS stage, amount, {currency} AS currency, close_on,
              {forecast} AS forecast_category,
              least(1.0, CASE place WHEN 6 THEN 1.0 WHEN 7 THEN 0.0 ELSE 0.1 + place * 0.15 END)
                AS probability,
              'u' || pick(i, 33, {USERS}) AS owner_id, place >= 6 AS is_closed,
              place = 6 AS is_won, {deleted} AS _deleted_at
            FROM stays
            QUALIFY row_number() OVER (PARTITION BY i, CAST(entered_at AS DATE) ORDER BY s DESC)
              = 1""",
        "quotas": f"""
            SELECT 'q' || i AS quota_id, 'u' || (i % {USERS}) AS user_id,
              one_of(i % {USERS}, 1, ['Americas', 'EMEA', 'APAC']) AS team,
              CAST(date_trunc('quarter', today()) - (i // {USERS}) * INTERVAL 3 MONTH AS DATE)
                AS period_start_on,
              CAST(date_trunc('quarter', today()) - (i // {USERS} - 1) * INTERVAL 3 MONTH AS DATE)
                AS period_end_on,
              CAST(100000 + pick(i, 48, 400000) AS DECIMAL(18,2)) AS amount, 'USD' AS currency
            FROM range({USERS * 12}) t(i)""",
    }


def _billing(size: Size) -> dict[str, str]:
    worth = "CAST(50 + pick(j + 7919 * ((p + 1) // 2), 44, 2000) AS DECIMAL(18,2))"
    status = """CASE WHEN p = 0 AND j % 8 = 0 THEN 'trialing'
                WHEN p = 7 AND j % 40 = 0 THEN 'paused'
                WHEN p = 11 AND j % 30 = 0 THEN 'past_due' WHEN p = 12 AND j % 60 = 0 THEN 'unpaid'
                ELSE 'active' END"""
    return {
        "customers": f"""
            SELECT 'c' || i AS customer_id, 'a' || i AS account_id, 'Account ' || i AS name,
              'billing@account' || i || '.example' AS email,
              'account' || i || '.example' AS domain, currency_of(i) AS currency,
              moment(i, 42) AS created_at, lapsed(i, 47, 2) AS _deleted_at
            FROM range({size.customers}) t(i)""",
        "subscriptions": """
            SELECT 's' || j AS subscription_id, 'c' || customer AS customer_id,
              CASE WHEN ended_on <= today() THEN 'canceled' ELSE 'active' END AS status,
              currency_of(customer) AS currency, started_on, ended_on,
              CAST(ended_on AS TIMESTAMP) - INTERVAL 10 DAY AS cancel_requested_at,
              CASE WHEN ended_on IS NOT NULL THEN one_of(j, 63, ['voluntary', 'involuntary']) END
                AS cancel_reason,
              true AS is_auto_renewing
            FROM sold""",
        "subscription_periods": f"""
            SELECT 's' || j AS subscription_id, 'c' || customer AS customer_id, 'i' || j AS item_id,
              one_of(j, 43, ['basic', 'pro', 'enterprise']) AS product, 1 + p // 5 AS quantity,
              {status} AS status,
              CASE WHEN {status} = 'trialing' THEN 0 ELSE {worth} END AS monthly_amount,
              CASE WHEN {status} = 'trialing' THEN 0 ELSE {worth} + j % 5 END
                AS list_monthly_amount,
              every AS billing_interval, 1 AS billing_interval_count,
              currency_of(customer) AS currency,
              started_on + CAST(days * p AS INTEGER) AS valid_from_on,
              CASE WHEN p < {PERIODS_EACH - 1} THEN started_on + CAST(days * (p + 1) AS INTEGER)
                WHEN ended_on IS NOT NULL THEN greatest(ended_on,
                  started_on + CAST(days * p + 1 AS INTEGER)) END AS valid_to_on
            FROM sold, range({PERIODS_EACH}) u(p)""",
        "invoices": """
            SELECT 'b' || b AS invoice_id, 'c' || customer AS customer_id,
              's' || j AS subscription_id, 'INV-' || b AS number, status,
              currency_of(customer) AS currency, amount AS total, 0 AS tax,
              CASE WHEN status = 'paid' THEN amount ELSE 0 END AS amount_paid,
              CASE WHEN status IN ('open', 'uncollectible') THEN amount ELSE 0 END AS amount_due,
              issued_at, issued_at + INTERVAL 14 DAY AS due_at,
              CASE WHEN status = 'paid' THEN issued_at + pick(b, 73, 10) * INTERVAL 1 DAY END
                AS paid_at,
              CASE WHEN status = 'void' THEN issued_at + INTERVAL 1 DAY END AS voided_at,
              CASE WHEN status = 'uncollectible' THEN issued_at + INTERVAL 60 DAY END
                AS uncollectible_at
            FROM bills""",
        "invoice_lines": """
            SELECT 'n' || b || '.' || l AS line_id, 'b' || b AS invoice_id,
              's' || j AS subscription_id, 'i' || j AS item_id,
              one_of(j, 43, ['basic', 'pro', 'enterprise']) AS product, 1 AS quantity,
              CASE WHEN b % 4 = 0 THEN CAST(amount / 2 AS DECIMAL(18,2)) + CASE WHEN l = 0 THEN
                amount - 2 * CAST(amount / 2 AS DECIMAL(18,2)) ELSE 0 END ELSE amount END AS amount,
              0 AS discount_amount, currency_of(customer) AS currency, l = 1 AS is_proration,
              CAST(issued_at AS DATE) AS period_start_on,
              CAST(issued_at AS DATE) + 30 AS period_end_on
            FROM bills, range(2) u(l) WHERE l = 0 OR b % 4 = 0""",
        "payments": """
            SELECT 'p' || b || '.' || a AS payment_id, 'c' || customer AS customer_id,
              'b' || b AS invoice_id,
              CASE WHEN a = 0 AND b % 20 = 0 OR status <> 'paid' THEN 'failed' ELSE 'succeeded' END
                AS status,
              currency_of(customer) AS currency, amount, 0 AS refunded_amount,
              CASE WHEN a = 0 AND b % 20 = 0 OR status <> 'paid' THEN 'card_declined' END
                AS failure_code,
              issued_at + (a * 3 + pick(b, 73, 3)) * INTERVAL 1 DAY AS occurred_at
            FROM bills, range(2) u(a)
            WHERE status <> 'void' AND (a = 0 OR (b % 20 = 0 AND status = 'paid'))""",
        "credit_notes": """
            SELECT 'k' || b AS credit_note_id, 'c' || customer AS customer_id,
              'b' || b AS invoice_id, 'issued' AS status, 'goodwill' AS reason,
              currency_of(customer) AS currency, CAST(amount / 10 AS DECIMAL(18,2)) AS amount,
              issued_at + INTERVAL 5 DAY AS issued_at
            FROM bills WHERE b % 80 = 0""",
        "contracts": """
            SELECT 'g' || j || '.' || y AS contract_id, 'c' || customer AS customer_id,
              'a' || customer AS account_id, 's' || j AS subscription_id,
              CAST(started_on + CAST(365 * y - 10 AS INTEGER) AS TIMESTAMP) AS signed_at,
              started_on + CAST(365 * y AS INTEGER) AS starts_on,
              started_on + CAST(365 * (y + 1) AS INTEGER) AS ends_on,
              CASE WHEN ended_on < started_on + CAST(365 * (y + 1) AS INTEGER) THEN ended_on END
                AS ended_on,
              started_on + CAST(365 * (y + 1) AS INTEGER) AS renewal_on,
              started_on + CAST(365 * (y + 1) - 60 AS INTEGER) AS notice_on,
              CAST((50 + pick(j, 44, 2000)) * 12 AS DECIMAL(18,2)) AS annual_amount,
              currency_of(customer) AS currency, true AS auto_renews
            FROM sold, range(5) u(y)
            WHERE every = 'year'
              AND started_on + CAST(365 * y AS INTEGER) < coalesce(ended_on, today())""",
    }


def _books() -> dict[str, str]:
    return {
        "fx_rates": f"""
            SELECT currency, 'USD' AS base_currency,
              CAST(CASE currency WHEN 'USD' THEN 1.0
                ELSE CASE currency WHEN 'EUR' THEN 1.1 WHEN 'GBP' THEN 1.25 ELSE 0.0068 END
                  * (1 + (m % 7 - 3) / 100.0) END AS DECIMAL(24,10)) AS rate,
              CAST(DATE '2018-01-01' + m * INTERVAL 1 MONTH AS DATE) AS valid_on
            FROM range(120) t(m), unnest({sorted(set(_CURRENCIES))}) u(currency)""",
        "expenses": f"""
            SELECT 'y' || i AS expense_id,
              ['marketing', 'sales', 'success', 'serving'][1 + i % 4] AS department,
              ['salaries', 'tools', 'media'][1 + i // 4 % 3] AS kind,
              CAST(date_trunc('month', today()) - (i // 12) * INTERVAL 1 MONTH AS DATE) AS spent_on,
              CAST(5000 + pick(i, 99, 50000) AS DECIMAL(18,2)) AS amount, 'USD' AS currency
            FROM range({12 * (DAYS // 30)}) t(i)""",
    }
