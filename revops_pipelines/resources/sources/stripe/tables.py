"""The typed columns of each raw table of Stripe.

Belongs here: names, types and places in the record. Does not: lists and events (`streams.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from revops_pipelines.engine.declarations import Column

# What of an invoice line the ledger reads. `subscription_item_details` is the parent of lines for a
# subscription's item, prorations included; a proration also names its `invoice_item`.
# Source: https://docs.stripe.com/api/invoice-line-item/object
LINE = """STRUCT(
    id VARCHAR, amount BIGINT, currency VARCHAR, quantity BIGINT, quantity_decimal VARCHAR,
    period STRUCT("start" BIGINT, "end" BIGINT),
    pricing STRUCT(price_details STRUCT(price VARCHAR, product VARCHAR)),
    parent STRUCT(
        subscription_item_details STRUCT(
            subscription VARCHAR, subscription_item VARCHAR, invoice_item VARCHAR,
            proration BOOLEAN,
            proration_details STRUCT(credited_items STRUCT(invoice VARCHAR))),
        invoice_item_details STRUCT(
            subscription VARCHAR, invoice_item VARCHAR, proration BOOLEAN)),
    discounts JSON[],
    discount_amounts STRUCT(amount BIGINT, discount VARCHAR)[],
    taxes STRUCT(amount BIGINT, tax_behavior VARCHAR)[])"""

ITEM = """STRUCT(
    id VARCHAR, created BIGINT, quantity BIGINT,
    current_period_start BIGINT, current_period_end BIGINT,
    price STRUCT(id VARCHAR, product VARCHAR, currency VARCHAR, unit_amount_decimal VARCHAR,
                 recurring STRUCT("interval" VARCHAR, interval_count BIGINT,
                                  usage_type VARCHAR)))"""

PHASES = """STRUCT(
    start_date BIGINT, end_date BIGINT, currency VARCHAR,
    items STRUCT(price VARCHAR, quantity BIGINT)[])[]"""

DISCOUNT = """STRUCT(id VARCHAR, source STRUCT(coupon VARCHAR), "start" BIGINT, "end" BIGINT)"""


def _columns(*columns: tuple[str, str] | tuple[str, str, str]) -> tuple[Column, ...]:
    """`id` first, then (name, type) for a top-level field or (name, type, pointer)."""
    rest = [
        Column(name, type_, pointer[0] if pointer else f"/{name}")
        for name, type_, *pointer in columns
    ]
    return (Column("id", "VARCHAR", "/id"), *rest)


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "customers": _columns(
        ("name", "VARCHAR"),
        ("email", "VARCHAR"),
        ("country", "VARCHAR", "/address/country"),
        ("currency", "VARCHAR"),
        ("created", "BIGINT"),
        ("metadata", "JSON"),
        ("test_clock", "VARCHAR"),
    ),
    "products": _columns(("name", "VARCHAR"), ("created", "BIGINT")),
    "prices": _columns(
        ("product_id", "VARCHAR", "/product"),
        ("currency", "VARCHAR"),
        ("unit_amount_decimal", "VARCHAR"),
        ("billing_scheme", "VARCHAR"),
        ("interval", "VARCHAR", "/recurring/interval"),
        ("interval_count", "BIGINT", "/recurring/interval_count"),
        ("usage_type", "VARCHAR", "/recurring/usage_type"),
        ("divide_by", "BIGINT", "/transform_quantity/divide_by"),
        ("created", "BIGINT"),
    ),
    "coupons": _columns(
        ("percent_off", "DECIMAL(9,4)"),
        ("amount_off", "BIGINT"),
        ("currency", "VARCHAR"),
        ("duration", "VARCHAR"),
        ("duration_in_months", "BIGINT"),
        ("created", "BIGINT"),
    ),
    "subscriptions": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("collection_method", "VARCHAR"),
        ("created", "BIGINT"),
        ("start_date", "BIGINT"),
        ("trial_start", "BIGINT"),
        ("trial_end", "BIGINT"),
        ("canceled_at", "BIGINT"),
        ("cancel_at", "BIGINT"),
        ("cancel_at_period_end", "BOOLEAN"),
        ("ended_at", "BIGINT"),
        ("cancellation_reason", "VARCHAR", "/cancellation_details/reason"),
        ("pause_behavior", "VARCHAR", "/pause_collection/behavior"),
        ("test_clock", "VARCHAR"),
        ("items", f"{ITEM}[]", "/items/data"),
        ("discounts", f"{DISCOUNT}[]"),
    ),
    "invoices": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("subscription_id", "VARCHAR", "/parent/subscription_details/subscription"),
        ("number", "VARCHAR"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("billing_reason", "VARCHAR"),
        ("collection_method", "VARCHAR"),
        ("auto_advance", "BOOLEAN"),
        ("attempted", "BOOLEAN"),
        ("attempt_count", "BIGINT"),
        ("next_payment_attempt", "BIGINT"),
        ("total", "BIGINT"),
        ("amount_due", "BIGINT"),
        ("amount_paid", "BIGINT"),
        ("amount_remaining", "BIGINT"),
        ("created", "BIGINT"),
        ("due_date", "BIGINT"),
        ("finalized_at", "BIGINT", "/status_transitions/finalized_at"),
        ("paid_at", "BIGINT", "/status_transitions/paid_at"),
        ("voided_at", "BIGINT", "/status_transitions/voided_at"),
        ("uncollectible_at", "BIGINT", "/status_transitions/marked_uncollectible_at"),
        ("customer_name", "VARCHAR"),
        ("customer_email", "VARCHAR"),
        ("customer_country", "VARCHAR", "/customer_address/country"),
        ("test_clock", "VARCHAR"),
        ("total_taxes", "STRUCT(amount BIGINT)[]"),
        ("lines", f"{LINE}[]", "/lines/data"),
        ("discounts", f"{DISCOUNT}[]"),
    ),
    "invoice_items": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("date", "BIGINT"),
        ("amount", "BIGINT"),
        ("net_amount", "BIGINT"),
        ("currency", "VARCHAR"),
        ("quantity", "BIGINT"),
        ("quantity_decimal", "VARCHAR"),
        ("proration", "BOOLEAN"),
        ("period_start", "BIGINT", "/period/start"),
        ("period_end", "BIGINT", "/period/end"),
        ("price_id", "VARCHAR", "/pricing/price_details/price"),
        ("product_id", "VARCHAR", "/pricing/price_details/product"),
        ("subscription_id", "VARCHAR", "/parent/subscription_details/subscription"),
        ("item_id", "VARCHAR", "/parent/subscription_details/subscription_item"),
        ("discounts", "JSON[]"),
        ("invoice_id", "VARCHAR", "/invoice"),
        ("test_clock", "VARCHAR"),
    ),
    "invoice_payments": _columns(
        ("invoice_id", "VARCHAR", "/invoice"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount_paid", "BIGINT"),
        ("payment_intent_id", "VARCHAR", "/payment/payment_intent"),
        ("charge_id", "VARCHAR", "/payment/charge"),
        ("created", "BIGINT"),
    ),
    "charges": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("payment_intent_id", "VARCHAR", "/payment_intent"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount", "BIGINT"),
        ("amount_refunded", "BIGINT"),
        ("disputed", "BOOLEAN"),
        ("failure_code", "VARCHAR"),
        ("decline_code", "VARCHAR", "/outcome/network_decline_code"),
        ("created", "BIGINT"),
    ),
    "refunds": _columns(
        ("charge_id", "VARCHAR", "/charge"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount", "BIGINT"),
        ("created", "BIGINT"),
    ),
    "credit_notes": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("invoice_id", "VARCHAR", "/invoice"),
        ("status", "VARCHAR"),
        ("reason", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("total", "BIGINT"),
        ("created", "BIGINT"),
        ("voided_at", "BIGINT"),
    ),
    "disputes": _columns(
        ("charge_id", "VARCHAR", "/charge"),
        ("payment_intent_id", "VARCHAR", "/payment_intent"),
        ("status", "VARCHAR"),
        ("reason", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount", "BIGINT"),
        ("due_by", "BIGINT", "/evidence_details/due_by"),
        ("created", "BIGINT"),
    ),
    "balance_transactions": _columns(
        ("source_id", "VARCHAR", "/source"),
        ("type", "VARCHAR"),
        ("reporting_category", "VARCHAR"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount", "BIGINT"),
        ("fee", "BIGINT"),
        ("net", "BIGINT"),
        ("exchange_rate", "DOUBLE"),
        ("available_on", "BIGINT"),
        ("created", "BIGINT"),
    ),
    "subscription_schedules": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("subscription_id", "VARCHAR", "/subscription"),
        ("released_subscription_id", "VARCHAR", "/released_subscription"),
        ("status", "VARCHAR"),
        ("end_behavior", "VARCHAR"),
        ("phase_start", "BIGINT", "/current_phase/start_date"),
        ("phase_end", "BIGINT", "/current_phase/end_date"),
        ("phases", PHASES),
        ("created", "BIGINT"),
        ("canceled_at", "BIGINT"),
        ("completed_at", "BIGINT"),
        ("released_at", "BIGINT"),
        ("test_clock", "VARCHAR"),
    ),
    "discounts": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("subscription_id", "VARCHAR", "/subscription"),
        ("coupon_id", "VARCHAR", "/source/coupon"),
        # Before clover a discount holds its coupon whole.
        ("older_coupon_id", "VARCHAR", "/coupon/id"),
        ("promotion_code", "VARCHAR"),
        ("started_at", "TIMESTAMP", "/start"),
        ("ends_at", "TIMESTAMP", "/end"),
    ),
    "catalogue_changes": _columns(
        ("type", "VARCHAR"),
        ("changed_at", "TIMESTAMP", "/created"),
        ("object", "VARCHAR", "/data/object/object"),
        ("object_id", "VARCHAR", "/data/object/id"),
        ("name", "VARCHAR", "/data/object/name"),
        ("active", "BOOLEAN", "/data/object/active"),
        ("currency", "VARCHAR", "/data/object/currency"),
        ("unit_amount_decimal", "VARCHAR", "/data/object/unit_amount_decimal"),
        ("before", "JSON", "/data/previous_attributes"),
    ),
}
