"""SQL that several rules share: money at the rate of a month, who owns a deal or a customer.

Belongs here: text of queries over published tables. Does not: any rule.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from revops_pipelines.engine.alerts.declaration import Finding, Row, Verdict


def watched(rule: str) -> str:
    """The rule's open alerts as rows with `watched_key`."""
    return f"""
SELECT alert_key AS watched_key
FROM ops.alert_states
WHERE rule = '{rule}' AND status <> 'ok' AND alert_key <> '(rule)'
"""


# A rate holds from its day until the next one; the base currency is worth one.
RATES = """
latest_rates AS (
  SELECT fx_rates.currency, fx_rates.rate
  FROM conformed.fx_rates AS fx_rates
  CROSS JOIN ops.parameters AS parameters
  WHERE fx_rates.base_currency = parameters.base_currency
    AND fx_rates.currency <> parameters.base_currency
    AND fx_rates.valid_on <= parameters.as_of_on AND fx_rates._deleted_at IS NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY fx_rates.currency ORDER BY fx_rates.valid_on DESC) = 1
  UNION ALL
  SELECT parameters.base_currency, 1 FROM ops.parameters AS parameters
)"""


def told_of(rows: Sequence[Row]) -> tuple[list[Row], set[str]]:
    """The rows to judge, and the keys of the open alerts among them."""
    keys = {row["watched_key"] for row in rows if row.get("watched_key")}
    return [row for row in rows if not row.get("watched_key")], keys


def ended(keys: Collection[str], judged: Collection[Row], reason: str) -> list[Finding]:
    """The verdicts on open alerts that are not found any more.

    Where nothing at all is there to be judged, a system was disconnected or its tables are gone:
    what was told once is never taken back for want of data.
    """
    if not judged:
        return [Finding(key, Verdict.UNKNOWN, reason="there are no data") for key in sorted(keys)]
    return [Finding(key, Verdict.CLEAR, reason=reason) for key in sorted(keys)]
