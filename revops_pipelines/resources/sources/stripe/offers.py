"""What Stripe gives to the conformed entities.

Belongs here: the SQL of every offer but the ledger's. Does not: the ledger of recurring revenue
(`ledger.py`) or money's arithmetic (`money.py`).

No object of Stripe says when it changed, so `_updated_at` is the latest instant that the object
itself names.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.domains import domain_of, is_specific
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.stripe.ledger import subscription_periods
from revops_pipelines.resources.sources.stripe.money import amount, day, moment
from revops_pipelines.resources.sources.stripe.offers_terms import terms
from revops_pipelines.resources.sources.stripe.options import StripeOptions


def offers(options: StripeOptions) -> tuple[Offer, ...]:
    """All offers, in the order of the data's way."""
    return (
        Offer("customers", _customers(options), ("customers", "subscriptions", "invoices")),
        Offer("subscriptions", _subscriptions(options), ("subscriptions",)),
        Offer(
            "subscription_periods",
            subscription_periods(options),
            ("subscriptions", "invoices", "invoice_items", "prices", "products", "coupons"),
        ),
        Offer("invoices", _invoices(options), ("invoices",)),
        Offer("invoice_lines", _INVOICE_LINES, ("invoices", "products")),
        Offer("payments", _PAYMENTS, ("charges", "refunds", "invoice_payments")),
        Offer("credit_notes", _CREDIT_NOTES, ("credit_notes",)),
        terms(),
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _pointer(key: str) -> str:
    """A JSON pointer to a top-level key, whatever characters it holds (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _link(options: StripeOptions, kind: str) -> str:
    return f"{_text(f'{options.dashboard_url}/{kind}/')} || id"


def _customers(options: StripeOptions) -> str:
    """Customers, and those deleted before we ever saw them, as their last bills name them.

    A deleted customer is in no list, but its subscriptions and bills are.
    """
    told = ", ".join(
        f"nullif(metadata ->> {_text(_pointer(key))}, '')" for key in options.external_account_keys
    )
    domain = domain_of("email")
    return f"""
    WITH gone AS (
        SELECT customer_id AS id, arg_max(customer_name, created) AS name,
               arg_max(customer_email, created) AS email,
               arg_max(customer_country, created) AS country,
               arg_max(currency, created) AS currency, min(created) AS created,
               max(last_at) AS last_at
        FROM (
            SELECT customer_id, customer_name, customer_email, customer_country, currency, created,
                   greatest(created, paid_at, voided_at, uncollectible_at) AS last_at
            FROM raw.@source__invoices WHERE _deleted_at IS NULL AND test_clock IS NULL
            UNION ALL BY NAME
            SELECT customer_id, currency, created, greatest(created, ended_at) AS last_at
            FROM raw.@source__subscriptions WHERE _deleted_at IS NULL AND test_clock IS NULL
        )
        WHERE customer_id NOT IN (SELECT id FROM raw.@source__customers)
        GROUP BY ALL
    ), everyone AS (
        SELECT id, name, email, country, currency, created, metadata, created AS last_at,
               _deleted_at
        FROM raw.@source__customers WHERE test_clock IS NULL
        UNION ALL BY NAME
        SELECT *, {moment("last_at")} AS _deleted_at FROM gone
    )
    SELECT '@source:' || id AS customer_id, name, lower(trim(email)) AS email,
           CASE WHEN {is_specific(domain, ())} THEN {domain} END AS domain,
           upper(country) AS country, upper(currency) AS currency,
           {f"coalesce({told})" if told else "NULL"} AS external_account_id,
           {moment("created")} AS created_at, {_link(options, "customers")} AS url,
           CASE WHEN metadata::VARCHAR <> '{{}}' THEN metadata END AS custom,
           '@source' AS source, id AS source_id, {moment("last_at")} AS _updated_at, _deleted_at
    FROM everyone
    """


def _subscriptions(options: StripeOptions) -> str:
    # A pause of collection leaves `status` as it was.
    return f"""
    SELECT '@source:' || id AS subscription_id, '@source:' || customer_id AS customer_id,
           CASE WHEN status = 'incomplete_expired' THEN 'incomplete'
                WHEN status = 'active' AND pause_behavior IS NOT NULL THEN 'paused'
                ELSE status END AS status,
           upper(currency) AS currency,
           {day("start_date")} AS started_on, {day("ended_at")} AS ended_on,
           {day("trial_start")} AS trial_start_on, {day("trial_end")} AS trial_end_on,
           {moment("canceled_at")} AS cancel_requested_at,
           CASE WHEN canceled_at IS NULL THEN NULL
                WHEN cancellation_reason IN ('payment_failed', 'payment_disputed',
                                             'canceled_by_retention_policy') THEN 'involuntary'
                WHEN cancellation_reason = 'cancellation_requested' THEN 'voluntary'
           END AS cancel_reason,
           ended_at IS NULL AND cancel_at IS NULL AND NOT coalesce(cancel_at_period_end, false)
               AS is_auto_renewing,
           {_link(options, "subscriptions")} AS url,
           '@source' AS source, id AS source_id,
           {moment("greatest(created, canceled_at, ended_at)")} AS _updated_at, _deleted_at
    FROM raw.@source__subscriptions WHERE test_clock IS NULL
    """


def _invoices(options: StripeOptions) -> str:
    taxes = "coalesce(list_sum(list_transform(total_taxes, t -> t.amount)), 0)::BIGINT"
    last = "greatest(created, finalized_at, paid_at, voided_at, uncollectible_at)"
    return f"""
    SELECT '@source:' || id AS invoice_id, '@source:' || customer_id AS customer_id,
           '@source:' || subscription_id AS subscription_id, number, status,
           upper(currency) AS currency, {amount("total", "currency")} AS total,
           {amount(taxes, "currency")} AS tax,
           {amount("amount_paid", "currency")} AS amount_paid,
           {amount("amount_remaining", "currency")} AS amount_due,
           {moment("finalized_at")} AS issued_at, {moment("due_date")} AS due_at,
           {moment("paid_at")} AS paid_at, {moment("voided_at")} AS voided_at,
           {moment("uncollectible_at")} AS uncollectible_at,
           {_link(options, "invoices")} AS url,
           '@source' AS source, id AS source_id, {moment(last)} AS _updated_at, _deleted_at
    FROM raw.@source__invoices WHERE test_clock IS NULL AND customer_id IS NOT NULL
    """


_INVOICE_LINES = f"""
    WITH lines AS (
        SELECT id AS invoice_id, subscription_id, created, _deleted_at, unnest(lines) AS line
        FROM raw.@source__invoices WHERE test_clock IS NULL
    ), parts AS (
        SELECT *, line.amount AS amount, line.currency AS currency,
               line.parent.subscription_item_details AS of_item,
               line.parent.invoice_item_details AS of_invoice_item,
               coalesce(list_sum(list_transform(line.discount_amounts, d -> d.amount)), 0)::BIGINT
                   AS discount
        FROM lines
    )
    SELECT '@source:' || p.line.id AS line_id, '@source:' || p.invoice_id AS invoice_id,
           '@source:' || coalesce(p.of_item.subscription, p.of_invoice_item.subscription,
                                  p.subscription_id) AS subscription_id,
           '@source:' || p.of_item.subscription_item AS item_id,
           coalesce(product.name, p.line.pricing.price_details.product) AS product,
           coalesce(p.line.quantity_decimal, p.line.quantity::VARCHAR) AS quantity,
           {amount("p.amount", "p.currency")} AS amount,
           {amount("p.discount", "p.currency")} AS discount_amount,
           upper(p.currency) AS currency,
           coalesce(p.of_item.proration, p.of_invoice_item.proration, false) AS is_proration,
           {day('p.line.period."start"')} AS period_start_on,
           {day('p.line.period."end"')} AS period_end_on,
           '@source' AS source, p.line.id AS source_id, {moment("p.created")} AS _updated_at,
           p._deleted_at
    FROM parts p
    LEFT JOIN raw.@source__products product ON product.id = p.line.pricing.price_details.product
    """

# A charge no longer names its bill; the bill's payment names the intent that the charge is for.
# A charge that failed belongs to the intent of the payment that was tried.
_PAYMENTS = f"""
    WITH links AS (
        SELECT coalesce(payment_intent_id, charge_id) AS paid_with,
               arg_max(invoice_id, created) AS invoice_id
        FROM raw.@source__invoice_payments WHERE _deleted_at IS NULL
        GROUP BY ALL
    ), given_back AS (
        SELECT charge_id AS id, sum(amount)::BIGINT AS refunded
        FROM raw.@source__refunds
        WHERE _deleted_at IS NULL AND status NOT IN ('failed', 'canceled')
        GROUP BY ALL
    )
    SELECT '@source:' || c.id AS payment_id, '@source:' || c.customer_id AS customer_id,
           '@source:' || coalesce(i.invoice_id, d.invoice_id) AS invoice_id, c.status,
           upper(c.currency) AS currency, {amount("c.amount", "c.currency")} AS amount,
           {amount("greatest(c.amount_refunded, g.refunded, 0)", "c.currency")} AS refunded_amount,
           c.failure_code, {moment("c.created")} AS occurred_at,
           '@source' AS source, c.id AS source_id, {moment("c.created")} AS _updated_at,
           c._deleted_at
    FROM raw.@source__charges c
    LEFT JOIN links i ON i.paid_with = c.payment_intent_id
    LEFT JOIN links d ON d.paid_with = c.id
    LEFT JOIN given_back g ON g.id = c.id
    """

_CREDIT_NOTES = f"""
    SELECT '@source:' || id AS credit_note_id, '@source:' || customer_id AS customer_id,
           '@source:' || invoice_id AS invoice_id, status, reason, upper(currency) AS currency,
           {amount("total", "currency")} AS amount, {moment("created")} AS issued_at,
           '@source' AS source, id AS source_id,
           {moment("greatest(created, voided_at)")} AS _updated_at, _deleted_at
    FROM raw.@source__credit_notes
    """
