"""What is in force at the end of each month, out of the changes of a ledger.

Belongs here: the running total and its value in base currency. Does not: the ledger (`_ledger`), or
placing a stock into periods (`_stock`).
"""

from __future__ import annotations


def stock_of(ledger: str, *keys: str) -> str:
    """SELECT of what each customer pays at each month's end, by currency, and by `keys` if any.

    `ledger` is a table as `_ledger.ledger_of` makes it. A period is in the stock of a month if it
    began by its last day and ends after it; so it enters with the month of its first day and leaves
    with the month of its end, and the stock is a running total. It is valued per customer, currency
    and rate, not per item, so that rounding happens once.

    What is valued at the rates of several months is summed, each month's rounded once, and `rate`
    is what they come to. Where one of them is missing, nothing is known of the whole, and `amount`
    is null. Most policies value all at the month's own rate: the other half is empty then and
    costs nothing.
    """
    names = (*keys, "customer_id", "currency")
    line = ", ".join(names)
    either = ", ".join(
        f"COALESCE(own.{name}, other.{name}) AS {name}" for name in (*names, "period_start_on")
    )
    same = " AND ".join(f"other.{name} = own.{name}" for name in (*names, "period_start_on"))
    changed = ", ".join(f"ledger.{name}" for name in (*names, "rate_month_on"))
    return f"""
WITH changes AS (
  SELECT {changed}, calendar.month_start_on, SUM(ledger.change) AS change
  FROM {ledger} AS ledger
  JOIN ops.calendar AS calendar ON calendar.day = ledger.changes_on
  GROUP BY {changed}, calendar.month_start_on
), own_changes AS (
  SELECT * FROM changes WHERE rate_month_on IS NULL
), own AS ({_running("own_changes", names, "period_start_on")}
), other_changes AS (
  SELECT * FROM changes WHERE rate_month_on IS NOT NULL
), others AS ({_running("other_changes", (*names, "rate_month_on"), "rate_month_on")}
), other AS (
  SELECT {line}, period_start_on, SUM(local_amount) AS local_amount,
    COUNT(*) = COUNT(rate) AS is_known,
    SUM(CASE WHEN rate_month_on = period_start_on THEN local_amount ELSE 0 END) AS of_month,
    MAX(CASE WHEN rate_month_on = period_start_on THEN rate END) AS rate,
    SUM(CASE WHEN rate_month_on <> period_start_on THEN amount ELSE 0 END) AS amount
  FROM others
  GROUP BY {line}, period_start_on
), valued AS (
  SELECT {either},
    COALESCE(own.local_amount, 0) + COALESCE(other.local_amount, 0) AS local_amount,
    own.rate,
    CASE
      WHEN other.local_amount IS NULL THEN own.amount
      WHEN other.is_known AND (own.local_amount IS NULL OR own.rate IS NOT NULL)
      THEN other.amount + ROUND(
        CAST(COALESCE(own.local_amount, 0) + other.of_month AS DECIMAL(18,2))
          * COALESCE(own.rate, other.rate, 0), 2) END AS amount,
    other.local_amount IS NOT NULL AS is_of_others
  FROM own
  FULL JOIN other ON {same}
)
SELECT {line}, period_start_on, local_amount,
  CASE WHEN is_of_others THEN amount / local_amount ELSE rate END AS rate, amount
FROM valued
"""


def _running(changes: str, names: tuple[str, ...], rate_of: str) -> str:
    """SELECT of the running total of changes at the end of each month, valued at a month's rate."""

    def of(table: str) -> str:
        return ", ".join(f"{table}.{name}" for name in names)

    same = " AND ".join(f"changes.{name} = months.{name}" for name in names)
    return f"""
  SELECT {of("totals")}, totals.period_start_on, totals.local_amount, rates.rate,
    ROUND(CAST(totals.local_amount AS DECIMAL(18,2)) * rates.rate, 2) AS amount
  FROM (
    SELECT {of("months")}, months.period_start_on,
      SUM(COALESCE(changes.change, 0)) OVER (
        PARTITION BY {of("months")} ORDER BY months.period_start_on
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS local_amount
    FROM (
      SELECT {of("spans")}, periods.period_start_on
      FROM (
        SELECT {", ".join(names)}, MIN(month_start_on) AS first_month_on
        FROM {changes}
        GROUP BY {", ".join(names)}
      ) AS spans
      CROSS JOIN ops.parameters AS parameters
      JOIN ops.periods AS periods
        ON periods.grain = 'month'
        AND periods.period_start_on >= spans.first_month_on
        AND periods.period_start_on <= parameters.as_of_utc_on
    ) AS months
    LEFT JOIN {changes} AS changes
      ON {same} AND changes.month_start_on = months.period_start_on
  ) AS totals
  LEFT JOIN rates
    ON rates.currency = totals.currency AND rates.month_start_on = totals.{rate_of}
  WHERE totals.local_amount > 0"""
