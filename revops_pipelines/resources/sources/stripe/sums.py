"""Amounts that Stripe states and that other amounts of it must add up to.

Belongs here: what is compared after a sync. Does not: comparing (`engine/ingest/sums.py`).

https://docs.stripe.com/api/invoices/object, https://docs.stripe.com/api/invoice-payment/object,
https://docs.stripe.com/api/charges/object, https://docs.stripe.com/api/balance_transactions/object
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.engine.declarations import Sum
from revops_pipelines.resources.sources.stripe.money import amount

# The lines of a document, less its discounts, with the taxes that are not in its prices.
_ADDED = """
    SELECT id, upper(currency) AS currency, {stated} AS expected, {summed} AS actual
    FROM (
        SELECT id, currency, total,
               coalesce(list_sum(list_transform(lines, l -> l.amount)), 0)
               - coalesce(list_sum(list_transform(discounts, d -> d.amount)), 0)
               + coalesce(list_sum(list_transform(list_filter(
                     taxes, t -> t.tax_behavior = 'exclusive'), t -> t.amount)), 0) AS added
        FROM (
            SELECT id, currency, total,
                   from_json(payload -> '$.lines.data', '[{{"amount":"BIGINT"}}]') AS lines,
                   from_json(payload -> '{discounts}', '[{{"amount":"BIGINT"}}]') AS discounts,
                   from_json(payload -> '$.total_taxes',
                             '[{{"amount":"BIGINT","tax_behavior":"VARCHAR"}}]') AS taxes
            FROM raw.@source__{table}
            WHERE _deleted_at IS NULL AND NOT coalesce(
                TRY_CAST(payload ->> '$.lines.has_more' AS BOOLEAN), false)
        ) WHERE len(lines) > 0
    )"""

# Beside what was paid off Stripe, which is no payment of its own.
_PAID = f"""
    SELECT i.id, upper(i.currency) AS currency, {amount("i.amount_paid", "i.currency")} AS expected,
           {amount("coalesce(sum(p.amount_paid), 0)", "i.currency")} AS actual
    FROM raw.@source__invoices i
    LEFT JOIN raw.@source__invoice_payments p
      ON p.invoice_id = i.id AND p.status = 'paid' AND p._deleted_at IS NULL
    WHERE i._deleted_at IS NULL
      AND NOT coalesce(TRY_CAST(i.payload ->> '$.paid_out_of_band' AS BOOLEAN), false)
      AND coalesce(TRY_CAST(i.payload ->> '$.amount_paid_off_stripe' AS BIGINT), 0) = 0
    GROUP BY i.id, i.currency, i.amount_paid"""

_REFUNDED = f"""
    SELECT c.id, upper(c.currency) AS currency,
           {amount("c.amount_refunded", "c.currency")} AS expected,
           {amount("coalesce(sum(r.amount), 0)", "c.currency")} AS actual
    FROM raw.@source__charges c
    LEFT JOIN raw.@source__refunds r
      ON r.charge_id = c.id AND r.status NOT IN ('failed', 'canceled') AND r._deleted_at IS NULL
    WHERE c._deleted_at IS NULL
    GROUP BY c.id, c.currency, c.amount_refunded"""

# Only where nothing was converted: another currency's amount is another number.
_BALANCED = f"""
    SELECT c.id, upper(c.currency) AS currency, {amount("c.amount", "c.currency")} AS expected,
           {amount("sum(b.amount)", "c.currency")} AS actual
    FROM raw.@source__charges c
    JOIN raw.@source__balance_transactions b
      ON b.source_id = c.id AND b.type IN ('charge', 'payment') AND b._deleted_at IS NULL
    WHERE c._deleted_at IS NULL AND c.status = 'succeeded' AND b.currency = c.currency
    GROUP BY c.id, c.currency, c.amount"""


def _added(table: str, discounts: str) -> str:
    stated, summed = amount("total", "currency"), amount("added", "currency")
    return _ADDED.format(stated=stated, summed=summed, table=table, discounts=discounts)


SUMS = (
    Sum(
        "invoice_lines",
        "An invoice's total is the sum of its lines, less discounts, with exclusive taxes.",
        ("invoices",),
        _added("invoices", "$.total_discount_amounts"),
    ),
    Sum(
        "invoice_payments",
        "What was paid of an invoice is the sum of its payments.",
        ("invoices", "invoice_payments"),
        _PAID,
    ),
    Sum(
        "credit_note_lines",
        "A credit note's total is the sum of its lines, less discounts, with exclusive taxes.",
        ("credit_notes",),
        _added("credit_notes", "$.discount_amounts"),
    ),
    Sum(
        "charge_refunds",
        "What was refunded of a charge is the sum of its refunds.",
        ("charges", "refunds"),
        _REFUNDED,
    ),
    Sum(
        "charge_balance",
        "A charge's amount is what it brought to the balance, where nothing was converted.",
        ("charges", "balance_transactions"),
        _BALANCED,
    ),
)


def sums(options: Any) -> tuple[Sum, ...]:
    """All of them, whatever the options."""
    return SUMS
