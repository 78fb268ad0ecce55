"""Amounts that Chargebee states and that other amounts of it must add up to.

Belongs here: what is compared after a sync. Does not: comparing (`engine/ingest/sums.py`).

https://apidocs.chargebee.com/docs/api/invoices, https://apidocs.chargebee.com/docs/api/transactions
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.engine.declarations import Sum
from revops_pipelines.resources.sources.chargebee.money import amount

# A document's lines, less its discounts, with taxes that are not in its prices, and rounded.
_ADDED = """
    SELECT id, upper(currency_code) AS currency, {stated} AS expected, {summed} AS actual
    FROM (
        SELECT id, currency_code, total,
               list_sum(list_transform(line_items, l -> l.amount))
               - coalesce(list_sum(list_transform(
                     from_json(payload -> '$.discounts', '[{{"amount":"BIGINT"}}]'),
                     d -> d.amount)), 0)
               + CASE WHEN payload ->> '$.price_type' = 'tax_exclusive' THEN
                     coalesce(list_sum(list_transform(line_items, l -> l.tax_amount)), 0)
                 ELSE 0 END
               + coalesce(TRY_CAST(payload ->> '$.round_off_amount' AS BIGINT), 0) AS added
        FROM raw.@source__{table} WHERE _deleted_at IS NULL AND len(line_items) > 0
    )"""

_PAID = f"""
    SELECT i.id, upper(i.currency_code) AS currency,
           {amount("i.amount_paid", "i.currency_code")} AS expected,
           {amount("coalesce(sum(p.paid), 0)", "i.currency_code")} AS actual
    FROM raw.@source__invoices i
    LEFT JOIN (
        SELECT linked.invoice_id AS invoice_id, linked.applied_amount AS paid
        FROM (
            SELECT unnest(from_json(payload -> '$.linked_invoices',
                '[{{"invoice_id":"VARCHAR","applied_amount":"BIGINT"}}]')) AS linked
            FROM raw.@source__transactions
            WHERE _deleted_at IS NULL AND type = 'payment' AND status = 'success'
        )
    ) p ON p.invoice_id = i.id
    WHERE i._deleted_at IS NULL
    GROUP BY i.id, i.currency_code, i.amount_paid"""


def _added(table: str) -> str:
    stated, summed = amount("total", "currency_code"), amount("added", "currency_code")
    return _ADDED.format(stated=stated, summed=summed, table=table)


SUMS = (
    Sum(
        "invoice_lines",
        "An invoice's total is the sum of its lines, less discounts, with exclusive taxes.",
        ("invoices",),
        _added("invoices"),
    ),
    Sum(
        "invoice_payments",
        "What was paid of an invoice is the sum of what transactions applied to it.",
        ("invoices", "transactions"),
        _PAID,
    ),
    Sum(
        "credit_note_lines",
        "A credit note's total is the sum of its lines, less discounts, with exclusive taxes.",
        ("credit_notes",),
        _added("credit_notes"),
    ),
)


def sums(options: Any) -> tuple[Sum, ...]:
    """All of them, whatever the options."""
    return SUMS
