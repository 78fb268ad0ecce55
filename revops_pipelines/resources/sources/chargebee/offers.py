"""What Chargebee gives to the conformed entities.

Belongs here: the SQL of every offer but the ledger's. Does not: the ledger of recurring revenue
(`ledger.py`) or money's arithmetic (`money.py`).

A record that was never touched since Chargebee keeps `updated_at` has none; it changed last when it
was made.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.domains import domain_of, is_specific
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.chargebee.ledger import subscription_periods
from revops_pipelines.resources.sources.chargebee.money import amount, day, moment
from revops_pipelines.resources.sources.chargebee.offers_terms import terms
from revops_pipelines.resources.sources.chargebee.options import ChargebeeOptions


def offers(options: ChargebeeOptions) -> tuple[Offer, ...]:
    """All offers, in the order of the data's way."""
    catalog = ("plans", "addons") if options.is_first_catalog else ("items", "item_prices")
    ledger = ("subscriptions", "events", *catalog, "coupons", "invoices", "credit_notes")
    documents = ("invoices", "credit_notes", "transactions")
    return (
        Offer("customers", _customers(options), ("customers",)),
        Offer("subscriptions", _subscriptions(options), ("subscriptions", "invoices")),
        Offer("subscription_periods", subscription_periods(options), ledger),
        Offer("invoices", _invoices(options), ("invoices",)),
        Offer("invoice_lines", _invoice_lines(options), ("invoices", *catalog)),
        Offer("payments", _PAYMENTS, ("transactions",)),
        Offer("credit_notes", _CREDIT_NOTES, ("credit_notes",)),
        terms(options),
        Offer("fx_rates", _FX_RATES, (*documents, "subscriptions")),
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _pointer(key: str) -> str:
    """A JSON pointer to a top-level key, whatever characters it holds (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _link(options: ChargebeeOptions, kind: str) -> str:
    return f"{_text(f'{options.origin}/d/{kind}/')} || id"


def _customers(options: ChargebeeOptions) -> str:
    told = ", ".join(
        f"nullif(payload ->> {_text(_pointer(key))}, '')" for key in options.external_account_keys
    )
    domain = domain_of("email")
    # `cs_` fields hold what the customer consented to.
    custom = """map_from_entries(list_transform(
               list_filter(json_keys(payload), k -> k[1:3] IN ('cf_', 'cs_')),
               k -> {'k': k, 'v': payload -> ('/' || k)}))"""
    return f"""
    SELECT '@source:' || id AS customer_id,
           coalesce(nullif(company, ''), nullif(trim(concat_ws(' ', first_name, last_name)), ''))
               AS name,
           lower(trim(email)) AS email,
           CASE WHEN {is_specific(domain, ())} THEN {domain} END AS domain,
           upper(country) AS country, upper(preferred_currency_code) AS currency,
           {f"coalesce({told})" if told else "NULL"} AS external_account_id,
           {moment("created_at")} AS created_at, {_link(options, "customers")} AS url,
           CASE WHEN cardinality({custom}) > 0 THEN to_json({custom}) END AS custom,
           '@source' AS source, id AS source_id,
           coalesce(updated_at, {moment("created_at")}) AS _updated_at, _deleted_at
    FROM raw.@source__customers
    """


def _subscriptions(options: ChargebeeOptions) -> str:
    """Chargebee knows no past due subscription: it follows from what is due and not paid."""
    return f"""
    WITH debts AS (
        SELECT DISTINCT coalesce(line.subscription_id, i.subscription_id) AS id, i.status
        FROM (SELECT *, unnest(line_items) AS line FROM raw.@source__invoices
              WHERE _deleted_at IS NULL AND recurring
                AND status IN ('payment_due', 'not_paid')) i
    ), owing AS (
        SELECT id, bool_or(status = 'not_paid') AS is_given_up FROM debts GROUP BY ALL
    )
    SELECT '@source:' || s.id AS subscription_id, '@source:' || s.customer_id AS customer_id,
           CASE WHEN s.status = 'in_trial' THEN 'trialing'
                WHEN s.status IN ('cancelled', 'transferred') THEN 'canceled'
                WHEN s.status = 'future' THEN 'incomplete'
                WHEN s.status = 'paused' THEN 'paused'
                WHEN o.is_given_up THEN 'unpaid'
                WHEN o.id IS NOT NULL THEN 'past_due'
                ELSE 'active' END AS status,
           upper(s.currency_code) AS currency,
           {day("coalesce(s.started_at, s.start_date, s.activated_at, s.created_at)")}
               AS started_on,
           CASE WHEN s.status = 'cancelled' THEN {day("s.cancelled_at")}
                WHEN s.status = 'transferred' THEN s._updated_at::DATE END AS ended_on,
           {day("s.trial_start")} AS trial_start_on, {day("s.trial_end")} AS trial_end_on,
           {moment("coalesce(s.cancel_schedule_created_at, s.cancelled_at)")}
               AS cancel_requested_at,
           CASE WHEN s.cancelled_at IS NULL THEN NULL
                WHEN s.cancel_reason IS NOT NULL THEN 'involuntary' ELSE 'voluntary' END
               AS cancel_reason,
           s.status IN ('active', 'in_trial', 'paused') AND s.cancelled_at IS NULL
               AND s.remaining_billing_cycles IS DISTINCT FROM 0 AS is_auto_renewing,
           {_text(f"{options.origin}/d/subscriptions/")} || s.id AS url,
           '@source' AS source, s.id AS source_id,
           coalesce(s.updated_at, {moment("s.created_at")}) AS _updated_at, s._deleted_at
    FROM raw.@source__subscriptions s LEFT JOIN owing o ON o.id = s.id
    """


def _invoices(options: ChargebeeOptions) -> str:
    """What is written off is `paid` at Chargebee, and said by an adjustment."""
    written_off = "coalesce(write_off_amount, 0) > 0"
    adjusted = """list_max(list_transform(list_filter(adjustment_credit_notes,
                  n -> n.cn_reason_code = 'write_off'), n -> n.cn_date))"""
    return f"""
    SELECT '@source:' || id AS invoice_id, '@source:' || customer_id AS customer_id,
           '@source:' || subscription_id AS subscription_id, id AS number,
           CASE WHEN {written_off} THEN 'uncollectible'
                WHEN status = 'pending' THEN 'draft' WHEN status = 'voided' THEN 'void'
                WHEN status = 'paid' THEN 'paid' ELSE 'open' END AS status,
           upper(currency_code) AS currency, {amount("total", "currency_code")} AS total,
           {amount("tax", "currency_code")} AS tax,
           {amount("amount_paid", "currency_code")} AS amount_paid,
           {amount("amount_due", "currency_code")} AS amount_due,
           CASE WHEN status <> 'pending' THEN {moment("date")} END AS issued_at,
           {moment("due_date")} AS due_at,
           CASE WHEN NOT {written_off} THEN {moment("paid_at")} END AS paid_at,
           {moment("voided_at")} AS voided_at,
           CASE WHEN {written_off} THEN {moment(f"coalesce({adjusted}, paid_at)")} END
               AS uncollectible_at,
           {_link(options, "invoices")} AS url,
           '@source' AS source, id AS source_id,
           coalesce(updated_at, {moment("date")}) AS _updated_at, _deleted_at
    FROM raw.@source__invoices WHERE customer_id IS NOT NULL
    """


def _invoice_lines(options: ChargebeeOptions) -> str:
    """A line for less than its price's interval is a proration; nothing flags it."""
    if options.is_first_catalog:
        known = "SELECT id, name, period, period_unit FROM raw.@source__plans UNION ALL "
        known += "SELECT id, name, period, period_unit FROM raw.@source__addons"
    else:
        known = (
            "SELECT p.id, coalesce(i.name, p.name) AS name, p.period, p.period_unit "
            "FROM raw.@source__item_prices p LEFT JOIN raw.@source__items i ON i.id = p.item_id"
        )
    return f"""
    WITH known AS ({known}), prices AS (
        SELECT id, any_value(name) AS name, any_value(CASE period_unit
                   WHEN 'month' THEN to_months(period::INTEGER)
                   WHEN 'year' THEN to_months(12 * period::INTEGER)
                   WHEN 'week' THEN to_days(7 * period::INTEGER)
                   WHEN 'day' THEN to_days(period::INTEGER) END) AS every
        FROM known GROUP BY ALL
    ), lines AS (
        SELECT id AS invoice_id, subscription_id AS of_invoice, currency_code,
               coalesce(updated_at, {moment("date")}) AS _updated_at, _deleted_at,
               line_item_discounts AS offs, unnest(line_items) AS line
        FROM raw.@source__invoices WHERE customer_id IS NOT NULL
    ), parts AS (
        SELECT *, coalesce(line.subscription_id, of_invoice) AS subscription_id,
               coalesce(list_sum(list_transform(
                   list_filter(offs, d -> d.line_item_id = line.id), d -> d.discount_amount)),
                   line.discount_amount, 0)::BIGINT AS off,
               make_timestamp(line.date_from * 1000000) AS from_at,
               make_timestamp(line.date_to * 1000000) AS until_at
        FROM lines
    )
    SELECT '@source:' || p.line.id AS line_id, '@source:' || p.invoice_id AS invoice_id,
           '@source:' || p.subscription_id AS subscription_id,
           CASE WHEN p.line.entity_type LIKE 'plan%'
                    THEN '@source:' || p.subscription_id || ':plan'
                WHEN p.line.entity_type LIKE 'addon%'
                    THEN '@source:' || p.subscription_id || ':' || p.line.entity_id END AS item_id,
           coalesce(k.name, p.line.entity_id, p.line.description) AS product,
           coalesce(p.line.quantity_in_decimal, p.line.quantity::VARCHAR) AS quantity,
           {amount("p.line.amount", "p.currency_code")} AS amount,
           {amount("p.off", "p.currency_code")} AS discount_amount,
           upper(p.currency_code) AS currency,
           NOT coalesce(p.line.metered, false)
               AND coalesce(p.until_at < p.from_at + k.every - INTERVAL 1 DAY, false)
               AS is_proration,
           p.from_at::DATE AS period_start_on, p.until_at::DATE AS period_end_on,
           '@source' AS source, p.line.id AS source_id, p._updated_at, p._deleted_at
    FROM parts p LEFT JOIN prices k ON k.id = p.line.entity_id
    """


_PAYMENTS = f"""
    WITH given_back AS (
        SELECT refunded_txn_id AS id, sum(amount)::BIGINT AS refunded
        FROM raw.@source__transactions
        WHERE _deleted_at IS NULL AND type = 'refund' AND status IN ('success', 'in_progress')
        GROUP BY ALL
    )
    SELECT '@source:' || t.id AS payment_id, '@source:' || t.customer_id AS customer_id,
           '@source:' || t.linked_invoices[1].invoice_id AS invoice_id,
           CASE WHEN t.status = 'success' THEN 'succeeded'
                WHEN t.status IN ('in_progress', 'needs_attention') THEN 'pending'
                ELSE 'failed' END AS status,
           upper(t.currency_code) AS currency, {amount("t.amount", "t.currency_code")} AS amount,
           {amount("coalesce(g.refunded, 0)", "t.currency_code")} AS refunded_amount,
           t.error_code AS failure_code, {moment("t.date")} AS occurred_at,
           '@source' AS source, t.id AS source_id,
           coalesce(t.updated_at, {moment("t.date")}) AS _updated_at, t._deleted_at
    FROM raw.@source__transactions t LEFT JOIN given_back g ON g.id = t.id
    WHERE t.type = 'payment'
    """

_CREDIT_NOTES = f"""
    SELECT '@source:' || id AS credit_note_id, '@source:' || customer_id AS customer_id,
           '@source:' || reference_invoice_id AS invoice_id, status, reason_code AS reason,
           upper(currency_code) AS currency, {amount("total", "currency_code")} AS amount,
           {moment("date")} AS issued_at,
           '@source' AS source, id AS source_id,
           coalesce(updated_at, {moment("date")}) AS _updated_at, _deleted_at
    FROM raw.@source__credit_notes
    """

# Each document names the rate of its day. A month is worth what its first document says, which
# later documents do not change.
_FX_RATES = """
    WITH bases AS (
        SELECT any_value(base_currency_code) AS base FROM raw.@source__subscriptions
        WHERE base_currency_code IS NOT NULL
    ), told AS (
        SELECT currency_code, base_currency_code, exchange_rate, date, id
        FROM raw.@source__invoices WHERE status <> 'pending'
        UNION ALL
        SELECT currency_code, base_currency_code, exchange_rate, date, id
        FROM raw.@source__credit_notes
        UNION ALL
        SELECT currency_code, base_currency_code, exchange_rate, date, id
        FROM raw.@source__transactions
    ), monthly AS (
        SELECT upper(t.currency_code) AS currency, upper(coalesce(t.base_currency_code, b.base))
                   AS base_currency,
               t.exchange_rate AS rate, date_trunc('month', make_timestamp(t.date * 1000000))::DATE
                   AS valid_on, t.date, t.id
        FROM told t LEFT JOIN bases b ON true
        WHERE t.exchange_rate > 0 AND t.date IS NOT NULL
    )
    SELECT currency, base_currency, rate, valid_on, '@source' AS source,
           currency || ':' || base_currency || ':' || valid_on AS source_id
    FROM monthly
    WHERE currency <> base_currency
    QUALIFY row_number() OVER (PARTITION BY currency, base_currency, valid_on
                               ORDER BY date, id) = 1
    """
