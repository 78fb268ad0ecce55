"""The ledger out of a plain list of subscriptions: one period each, from its start to its end.

Belongs here: the SQL of an expansion, and what such a list violates. Does not: repairing it; a row
that ends before it starts, or a trial that costs money, goes on as it is and fails its contract.
"""

from __future__ import annotations

from collections.abc import Callable

from revops_pipelines.resources.sources.files.options import Expansion

AMOUNT = "DECIMAL(18,4)"


def expanded(expand: Expansion, column: Callable[[str], str]) -> dict[str, str]:
    """SQL by contract column; `column` gives the SQL of a file's column."""
    monthly = _monthly(expand, column)
    end = f"nullif(trim({column(expand.end)}), '')"
    if expand.end_is_last_day:
        end = f"coalesce((TRY_CAST({end} AS DATE) + 1)::VARCHAR, {end})"
    status = f"CASE WHEN TRY_CAST({monthly} AS {AMOUNT}) = 0 THEN 'free' ELSE 'active' END"
    if expand.is_trial is not None:
        flag = f"nullif(trim({column(expand.is_trial)}), '')"
        # A word that is neither true nor false becomes a status that the contract refuses.
        status = (
            f"CASE WHEN TRY_CAST({flag} AS BOOLEAN) THEN 'trialing' "
            f"WHEN NOT TRY_CAST({flag} AS BOOLEAN) OR {flag} IS NULL THEN {status} "
            f"ELSE {flag} END"
        )
    return {
        "status": status,
        "monthly_amount": monthly,
        "valid_from_on": column(expand.start),
        "valid_to_on": end,
    }


def _monthly(expand: Expansion, column: Callable[[str], str]) -> str:
    """The worth of a month as text; a year's twelfth is rounded half up to the cent."""
    if expand.monthly_amount is not None:
        return column(expand.monthly_amount)
    amount = column(expand.annual_amount or "")
    # DuckDB divides decimals as doubles, so hundredths are divided as whole numbers.
    parts = f"(TRY_CAST({amount} AS {AMOUNT}) * 10000)::HUGEINT"
    hundredths = f"(sign({parts}) * ((abs({parts}) + 600) // 1200))::DECIMAL(18,0)"
    # What is no number stays as it is, and is judged as such.
    return f"coalesce(({hundredths} * 0.01)::DECIMAL(18,2)::VARCHAR, {amount})"
