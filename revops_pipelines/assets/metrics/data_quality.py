"""data_quality: the share of what was checked that is as it should be."""

from __future__ import annotations

from revops_pipelines.assets.metrics._quality_checks import counts, tables
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Identity,
    Metric,
    Ratio,
    Series,
)

CHECKS = f"""
WITH checks AS (
{counts()}
)
SELECT entity, kind, column_name, checked, passed
FROM checks
WHERE checked > 0
"""

# A list as it stands now, placed in the running month and quarter.
FACTS = """
SELECT
  periods.grain,
  periods.period_start_on,
  NULL AS excluded,
  NULL AS account_id,
  checks.entity,
  checks.kind,
  checks.checked,
  checks.passed
FROM metrics.data_quality AS checks
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS periods
  ON periods.period_start_on <= parameters.as_of_on
  AND periods.period_end_on > parameters.as_of_on
"""

METRIC = Metric(
    name="data_quality",
    title="Data quality",
    stage="trust",
    owner="revenue-operations",
    format="percent",
    better="higher",
    meaning=(
        "Checks passed, of checks made on the conformed records as they stand now, by entity and "
        "kind. Completeness: cells filled, of those that metrics and breakdowns need. Uniqueness: "
        "different domains, addresses and accounts, of records that have one. Validity: records "
        "that came through their contract, beside the rules that those in quarantine broke. "
        "Referential integrity: references that lead to a record. Drift: countries and domains "
        "that the CRM and the billing system say alike of one customer. Freshness, by system: "
        "streams loaded in the last 26 hours."
    ),
    formula="checks passed / checks made",
    excludes=(
        "records that their source deleted, except from what references may lead to",
        "columns that no metric and no breakdown needs",
    ),
    inputs=(
        *tables(),
        "metrics.data_quality",
        "ops.loads",
        "ops.parameters",
        "ops.periods",
        "ops.quarantine",
    ),
    series=(
        Series(
            metric="data_quality",
            title="Data quality",
            unit="share",
            facts=FACTS,
            subject="account_id",
            rollup=Ratio(numerator="SUM(passed)", denominator="SUM(checked)", n="SUM(checked)"),
            grains=("month", "quarter"),
            dimensions=(("entity", "kind"), ("kind",)),
            is_placed=True,
        ),
    ),
    detail=Detail(
        table="data_quality",
        description="One row per entity, kind of check and column: how many passed.",
        key=("entity", "kind", "column_name"),
        columns=(
            DetailColumn("entity", "VARCHAR", "Conformed entity; of freshness, the system."),
            DetailColumn(
                "kind",
                "VARCHAR",
                "completeness, uniqueness, validity, referential_integrity, drift or freshness.",
            ),
            DetailColumn("column_name", "VARCHAR", "Column checked; all or streams where many."),
            DetailColumn("checked", "BIGINT", "Checks made."),
            DetailColumn("passed", "BIGINT", "Of them, those passed."),
        ),
        sql=CHECKS,
    ),
    identities=(
        Identity(
            "no_more_passed_than_checked",
            "No more checks are passed than made, and none is made on nothing.",
            """
            SELECT entity, kind, column_name FROM metrics.data_quality
            WHERE passed > checked OR passed < 0 OR checked <= 0
            """,
        ),
    ),
)
