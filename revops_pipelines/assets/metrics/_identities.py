"""What must hold of a metric's table on any data, checked in the run that builds it.

Belongs here: each identity as SQL that lists what breaks it. Does not: the same identities as
property tests (`tests/soundness`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A name, what holds, and SQL whose rows break it."""

    name: str
    holds: str
    broken: str


IDENTITIES: dict[str, tuple[Identity, ...]] = {
    "mrr_movements": (
        Identity(
            "movements_close",
            "Opening MRR and the movements make the closing MRR, per customer and month.",
            """
            SELECT customer_id, period_start_on FROM metrics.mrr_movements
            GROUP BY customer_id, period_start_on
            HAVING MAX(opening_mrr) + SUM(amount) <> MAX(closing_mrr)
                OR MAX(opening_mrr) <> MIN(opening_mrr) OR MAX(closing_mrr) <> MIN(closing_mrr)
            """,
        ),
        Identity(
            "months_join",
            "A month opens with what the month before closed with.",
            """
            WITH months AS (
              SELECT customer_id, period_start_on, MAX(opening_mrr) AS opening_mrr,
                MAX(closing_mrr) AS closing_mrr
              FROM metrics.mrr_movements GROUP BY customer_id, period_start_on
            ), joined AS (
              SELECT customer_id, period_start_on, opening_mrr,
                LAG(closing_mrr) OVER (PARTITION BY customer_id ORDER BY period_start_on) AS before
              FROM months
            )
            SELECT customer_id, period_start_on FROM joined
            WHERE opening_mrr <> COALESCE(before, 0)
            """,
        ),
    ),
    "speed_to_lead": (
        Identity(
            "one_state_each",
            "Every inbound lead is there once: answered or open, in time or late, or excluded.",
            """
            SELECT lead_id FROM metrics.speed_to_lead GROUP BY lead_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT leads.lead_id FROM conformed.leads AS leads
            CROSS JOIN ops.parameters AS parameters
            WHERE leads.is_inbound AND leads.raised_at <= parameters.as_of_at
              AND NOT EXISTS (
                SELECT 1 FROM metrics.speed_to_lead AS told WHERE told.lead_id = leads.lead_id
              )
            """,
        ),
    ),
}
