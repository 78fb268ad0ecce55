"""The typed columns of each raw table of Chargebee.

Belongs here: names, types and places in the record. Does not: lists (`streams.py`).

`updated_at` of a record that has none is null here, and the time it was fetched for the versions.
"""

from __future__ import annotations

from collections.abc import Mapping

from revops_pipelines.engine.declarations import Column

ITEMS = """STRUCT(
    item_price_id VARCHAR, item_type VARCHAR, quantity BIGINT, quantity_in_decimal VARCHAR,
    unit_price BIGINT, unit_price_in_decimal VARCHAR, amount BIGINT)[]"""
ADDONS = """STRUCT(
    id VARCHAR, quantity BIGINT, quantity_in_decimal VARCHAR, unit_price BIGINT,
    unit_price_in_decimal VARCHAR, amount BIGINT)[]"""
COUPONS = "STRUCT(coupon_id VARCHAR, apply_till BIGINT)[]"
DISCOUNTS = """STRUCT(
    id VARCHAR, percentage DECIMAL(9,4), amount BIGINT, duration_type VARCHAR, apply_on VARCHAR,
    apply_till BIGINT, item_price_id VARCHAR)[]"""
LINES = """STRUCT(
    id VARCHAR, subscription_id VARCHAR, date_from BIGINT, date_to BIGINT, unit_amount BIGINT,
    quantity BIGINT, quantity_in_decimal VARCHAR, amount BIGINT, discount_amount BIGINT,
    tax_amount BIGINT, metered BOOLEAN, entity_type VARCHAR, entity_id VARCHAR,
    proration_mode VARCHAR,
    description VARCHAR)[]"""
LINE_DISCOUNTS = """STRUCT(
    line_item_id VARCHAR, coupon_id VARCHAR, entity_id VARCHAR, discount_amount BIGINT)[]"""

_Columns = tuple[tuple[str, str] | tuple[str, str, str], ...]

# A subscription's terms, as the lists and the events show them.
_TERMS: tuple[tuple[str, str], ...] = (
    ("status", "VARCHAR"),
    ("current_term_start", "BIGINT"),
    ("current_term_end", "BIGINT"),
    ("cancelled_at", "BIGINT"),
    ("subscription_items", ITEMS),
    ("coupons", COUPONS),
    ("discounts", DISCOUNTS),
    ("plan_id", "VARCHAR"),
    ("plan_quantity", "BIGINT"),
    ("plan_quantity_in_decimal", "VARCHAR"),
    ("plan_unit_price", "BIGINT"),
    ("plan_unit_price_in_decimal", "VARCHAR"),
    ("plan_amount", "BIGINT"),
    ("addons", ADDONS),
)
_MONEY: tuple[tuple[str, str], ...] = (
    ("currency_code", "VARCHAR"),
    ("base_currency_code", "VARCHAR"),
    ("exchange_rate", "DECIMAL(24,10)"),
)
_PRICE: tuple[tuple[str, str], ...] = (
    ("name", "VARCHAR"),
    ("status", "VARCHAR"),
    ("pricing_model", "VARCHAR"),
    ("price", "BIGINT"),
    ("price_in_decimal", "VARCHAR"),
    ("currency_code", "VARCHAR"),
    ("period", "BIGINT"),
    ("period_unit", "VARCHAR"),
)

_COLUMNS: Mapping[str, _Columns] = {
    "customers": (
        ("company", "VARCHAR"),
        ("first_name", "VARCHAR"),
        ("last_name", "VARCHAR"),
        ("email", "VARCHAR"),
        ("country", "VARCHAR", "/billing_address/country"),
        ("preferred_currency_code", "VARCHAR"),
        ("created_at", "BIGINT"),
        ("meta_data", "JSON"),
    ),
    "subscriptions": (
        ("customer_id", "VARCHAR"),
        *_MONEY,
        *_TERMS,
        ("created_at", "BIGINT"),
        ("start_date", "BIGINT"),
        ("started_at", "BIGINT"),
        ("activated_at", "BIGINT"),
        ("trial_start", "BIGINT"),
        ("trial_end", "BIGINT"),
        ("next_billing_at", "BIGINT"),
        ("remaining_billing_cycles", "BIGINT"),
        ("cancel_reason", "VARCHAR"),
        ("cancel_reason_code", "VARCHAR"),
        ("cancel_schedule_created_at", "BIGINT"),
        ("mrr", "BIGINT"),
        ("contract_id", "VARCHAR", "/contract_term/id"),
        ("contract_start", "BIGINT", "/contract_term/contract_start"),
        ("contract_end", "BIGINT", "/contract_term/contract_end"),
        ("contract_action", "VARCHAR", "/contract_term/action_at_term_end"),
        ("contract_notice_days", "BIGINT", "/contract_term/cancellation_cutoff_period"),
        ("contract_value", "BIGINT", "/contract_term/total_contract_value_before_tax"),
        ("contract_gross_value", "BIGINT", "/contract_term/total_contract_value"),
    ),
    "coupons": (
        ("name", "VARCHAR"),
        ("discount_type", "VARCHAR"),
        ("discount_percentage", "DECIMAL(9,4)"),
        ("discount_amount", "BIGINT"),
        ("currency_code", "VARCHAR"),
        ("duration_type", "VARCHAR"),
    ),
    "invoices": (
        ("customer_id", "VARCHAR"),
        ("subscription_id", "VARCHAR"),
        *_MONEY,
        ("recurring", "BOOLEAN"),
        ("status", "VARCHAR"),
        ("price_type", "VARCHAR"),
        ("date", "BIGINT"),
        ("due_date", "BIGINT"),
        ("paid_at", "BIGINT"),
        ("voided_at", "BIGINT"),
        ("total", "BIGINT"),
        ("tax", "BIGINT"),
        ("amount_paid", "BIGINT"),
        ("amount_due", "BIGINT"),
        ("credits_applied", "BIGINT"),
        ("write_off_amount", "BIGINT"),
        ("line_items", LINES),
        ("line_item_discounts", LINE_DISCOUNTS),
        (
            "adjustment_credit_notes",
            "STRUCT(cn_id VARCHAR, cn_reason_code VARCHAR, cn_date BIGINT)[]",
        ),
    ),
    "credit_notes": (
        ("customer_id", "VARCHAR"),
        ("subscription_id", "VARCHAR"),
        ("reference_invoice_id", "VARCHAR"),
        *_MONEY,
        ("type", "VARCHAR"),
        ("reason_code", "VARCHAR"),
        ("create_reason_code", "VARCHAR"),
        ("status", "VARCHAR"),
        ("date", "BIGINT"),
        ("voided_at", "BIGINT"),
        ("total", "BIGINT"),
        ("line_items", LINES),
    ),
    "transactions": (
        ("customer_id", "VARCHAR"),
        ("subscription_id", "VARCHAR"),
        *_MONEY,
        ("type", "VARCHAR"),
        ("status", "VARCHAR"),
        ("date", "BIGINT"),
        ("amount", "BIGINT"),
        ("error_code", "VARCHAR"),
        ("voided_at", "BIGINT"),
        ("refunded_txn_id", "VARCHAR"),
        ("linked_invoices", "STRUCT(invoice_id VARCHAR, applied_at BIGINT)[]"),
        ("linked_refunds", "STRUCT(txn_id VARCHAR, txn_status VARCHAR, txn_amount BIGINT)[]"),
    ),
    "events": (
        ("event_type", "VARCHAR"),
        ("occurred_s", "BIGINT", "/occurred_at"),
        ("subscription_id", "VARCHAR", "/content/subscription/id"),
        ("currency_code", "VARCHAR", "/content/subscription/currency_code"),
        *((name, kind, f"/content/subscription/{name}") for name, kind in _TERMS),
    ),
    "items": (("name", "VARCHAR"), ("type", "VARCHAR"), ("metered", "BOOLEAN")),
    "item_prices": (*_PRICE, ("item_id", "VARCHAR"), ("item_type", "VARCHAR")),
    "plans": _PRICE,
    "addons": (*_PRICE, ("charge_type", "VARCHAR")),
}


def columns(stream: str) -> tuple[Column, ...]:
    """A stream's columns: `id`, its own, and when the record changed."""
    when = "occurred_at" if stream == "events" else "updated_at"
    own = [
        Column(name, kind, pointer[0] if pointer else f"/{name}")
        for name, kind, *pointer in _COLUMNS[stream]
    ]
    return (Column("id", "VARCHAR", "/id"), *own, Column(when, "TIMESTAMP", f"/{when}"))
