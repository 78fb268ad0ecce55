"""SQL that cuts a subscription's life where a debt begins, grows too old, or is settled.

Belongs here: what any billing system's ledger needs beside its own documents. Does not: which bills
are debts or which trials there were; those differ from vendor to vendor.
"""

from __future__ import annotations

# What is in force before a subscription's first mark.
BEGINNING = "DATE '1900-01-01'"


def spans_of_debts(past_due_days: int) -> str:
    """CTEs `day_marks`, `spans` and `owing`, after `subscriptions`, `debts` and `trials`.

    `debts` and `trials` have (subscription_id, from_on, to_on), `to_on` null while they last.
    `spans` are a subscription's days between two marks, without gaps; `owing` says of those in
    which something is owed whether it `is_unpaid`: owed for `past_due_days` already.
    """
    return f"""day_marks AS (
        SELECT subscription_id, from_on AS mark_on FROM debts
        UNION SELECT subscription_id, from_on + {past_due_days} FROM debts
              WHERE coalesce(to_on > from_on + {past_due_days}, true)
        UNION SELECT subscription_id, to_on FROM debts WHERE to_on IS NOT NULL
        UNION SELECT subscription_id, from_on FROM trials
        UNION SELECT subscription_id, to_on FROM trials WHERE to_on IS NOT NULL
        UNION SELECT id, {BEGINNING} FROM subscriptions
    ), spans AS (
        SELECT subscription_id, mark_on AS from_on,
               lead(mark_on) OVER (PARTITION BY subscription_id ORDER BY mark_on) AS to_on
        FROM day_marks
    ), owing AS (
        SELECT s.subscription_id, s.from_on,
               bool_or(d.from_on + {past_due_days} <= s.from_on) AS is_unpaid
        FROM spans s JOIN debts d ON d.subscription_id = s.subscription_id
         AND d.from_on <= s.from_on AND coalesce(d.to_on > s.from_on, true)
        GROUP BY ALL
    )"""
