"""What is checked of each conformed entity, as SQL that counts.

Belongs here: which columns ought to be filled, what tells records apart, what must agree between
systems. Does not: how the counts become shares (`data_quality`). References come from the
contracts, so that a new entity is checked without a line here.
"""

from __future__ import annotations

from collections.abc import Iterator

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import identifiers_of, references_of

# Columns that a metric or a breakdown goes without where they are empty. Those that a contract
# demands are not here: a row without them is in quarantine.
FILLED: dict[str, tuple[str, ...]] = {
    "accounts": ("domain", "segment", "industry", "region", "owner_id"),
    "leads": ("email", "channel", "segment", "owner_id", "account_id"),
    "activities": ("user_id",),
    "users": ("team",),
    "campaigns": ("channel",),
    "marketing_spend": ("channel", "campaign_id"),
    "expenses": ("kind",),
    "opportunities": ("amount", "currency", "account_id", "owner_id", "close_on", "channel"),
    "customers": ("account_id", "country", "currency"),
    "subscription_periods": ("product",),
    "invoices": ("issued_at",),
    "invoice_lines": ("subscription_id", "period_start_on", "period_end_on"),
    "payments": ("invoice_id",),
}
# What no two living records of an entity should share.
ALONE: dict[str, tuple[str, ...]] = {
    "accounts": ("domain",),
    "leads": ("email",),
    "customers": ("account_id",),
}
# What billing and the CRM say of the same company.
AGREEING = ("country", "domain")


def counts() -> str:
    """SQL: entity, kind, column_name, checked, passed; one row per column checked."""
    return "\nUNION ALL\n".join(
        (*_completeness(), *_uniqueness(), *_integrity(), *_drift(), _VALIDITY, _FRESHNESS)
    )


def tables() -> tuple[str, ...]:
    """The conformed tables that the SQL reads."""
    return tuple(sorted(f"conformed.{entity}" for entity in CONTRACTS))


def _references() -> Iterator[tuple[str, dict[str, str]]]:
    for entity, contract in CONTRACTS.items():
        references = references_of(contract)
        if references:
            yield entity, references


# A record that its source deleted is no longer anybody's to mend.
_LIVING = "NOT COALESCE({alias}._deleted_at <= parameters.as_of_at, FALSE)"


def _completeness() -> Iterator[str]:
    for entity, columns in FILLED.items():
        for column in columns:
            yield _check(entity, "completeness", column, "COUNT(*)", f"COUNT(each.{column})")


def _uniqueness() -> Iterator[str]:
    for entity, columns in ALONE.items():
        for column in columns:
            shown = f"COUNT(DISTINCT LOWER(each.{column}))"
            yield _check(entity, "uniqueness", column, f"COUNT(each.{column})", shown)


def _integrity() -> Iterator[str]:
    for entity, references in _references():
        for column, target in references.items():
            key = identifiers_of(CONTRACTS[target])[0]
            yield _check(
                entity,
                "referential_integrity",
                column,
                f"COUNT(each.{column})",
                f"COUNT(target.{key})",
                f"LEFT JOIN (SELECT DISTINCT {key} FROM conformed.{target}) AS target\n"
                f"  ON target.{key} = each.{column}\n",
            )


def _drift() -> Iterator[str]:
    for column in AGREEING:
        both = f"CASE WHEN each.{column} IS NOT NULL AND linked.{column} IS NOT NULL THEN 1 END"
        alike = f"CASE WHEN LOWER(each.{column}) = LOWER(linked.{column}) THEN 1 END"
        yield _check(
            "customers",
            "drift",
            column,
            f"COUNT({both})",
            f"COUNT({alike})",
            "JOIN conformed.accounts AS linked ON linked.account_id = each.account_id\n",
        )


def _check(entity: str, kind: str, column: str, checked: str, passed: str, joined: str = "") -> str:
    return (
        f"SELECT '{entity}' AS entity, '{kind}' AS kind, '{column}' AS column_name,\n"
        f"  {checked} AS checked, {passed} AS passed\n"
        f"FROM conformed.{entity} AS each\nCROSS JOIN ops.parameters AS parameters\n{joined}"
        f"WHERE {_LIVING.format(alias='each')}"
    )


# Of the rules that records were held to, those that a record in quarantine broke, beside one kept
# for each record that came through.
_SIZES = "\n  UNION ALL\n".join(
    f"  SELECT '{entity}' AS entity, COUNT(*) AS kept FROM conformed.{entity}"
    for entity in CONTRACTS
)
_VALIDITY = f"""SELECT sizes.entity, 'validity', 'all', sizes.kept + COALESCE(broken.rules, 0),
  sizes.kept
FROM (
{_SIZES}
) AS sizes
LEFT JOIN (
  SELECT entity, COUNT(*) AS rules FROM ops.quarantine GROUP BY entity
) AS broken ON broken.entity = sizes.entity"""

# A night's pull, and two hours for its length and its hour.
_FRESHNESS = """SELECT source, 'freshness', 'streams', COUNT(*),
  COUNT(CASE WHEN latest_at >= as_of_at - 26 * INTERVAL 1 HOUR THEN 1 END)
FROM (
  SELECT loads.source, loads.stream, MAX(loads.loaded_at) AS latest_at, parameters.as_of_at
  FROM ops.loads AS loads
  CROSS JOIN ops.parameters AS parameters
  GROUP BY loads.source, loads.stream, parameters.as_of_at
) AS streams
GROUP BY source"""
