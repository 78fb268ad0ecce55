"""What is right with the records, told record by record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from metric_warehouse import DEFAULTS
from oracle_rollup import Fact, Key, Measured, Times, published, ratio

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import identifiers_of, references_of

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
NEEDED = {
    "accounts": "domain segment industry region owner_id",
    "leads": "email channel segment owner_id account_id",
    "activities": "user_id",
    "users": "team",
    "campaigns": "channel",
    "marketing_spend": "channel campaign_id",
    "expenses": "kind",
    "opportunities": "amount currency account_id owner_id close_on channel",
    "customers": "account_id country currency",
    "subscription_periods": "product",
    "invoices": "issued_at",
    "invoice_lines": "subscription_id period_start_on period_end_on",
    "payments": "invoice_id",
}
ALONE = (("accounts", "domain"), ("leads", "email"), ("customers", "account_id"))


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    facts = []
    for entity, kind, checked, passed in checks(rows, times):
        for grain in ("month", "quarter"):
            place = (grain, times.period(times.today, grain)[0])
            weighs = {"checked": checked, "passed": passed}
            facts.append(Fact(None, {"entity": entity, "kind": kind}, None, weighs, place))

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        checked = sum(row["checked"] for row in group)
        return ratio(sum(row["passed"] for row in group), checked, checked)

    dimensions = (("entity", "kind"), ("kind",))
    return {"data_quality": published(facts, times, measure, dimensions)}


def checks(rows: Rows, times: Times) -> Iterator[tuple[str, str, int, int]]:
    """(entity, kind, checked, passed), of each that was made."""
    full = {
        entity: [DEFAULTS.get(entity, {}) | dict(row) for row in rows.get(entity, ())]
        for entity in CONTRACTS
    }
    living = {
        entity: [row for row in found if not _is_gone(row, times)] for entity, found in full.items()
    }
    for each in (
        *_cells(living),
        *_references(full, living),
        *_agreements(full, living),
        *_valid(rows, full),
        *_fresh(rows, times),
    ):
        if each[2]:
            yield each


def _is_gone(row: Mapping[str, Any], times: Times) -> bool:
    gone = row.get("_deleted_at")
    return gone is not None and gone <= times.now


def _cells(living: Rows) -> Iterator[tuple[str, str, int, int]]:
    for entity, columns in NEEDED.items():
        for column in columns.split():
            filled = sum(row.get(column) is not None for row in living[entity])
            yield entity, "completeness", len(living[entity]), filled
    for entity, column in ALONE:
        found = [row[column].lower() for row in living[entity] if row.get(column) is not None]
        yield entity, "uniqueness", len(found), len(set(found))


def _references(full: Rows, living: Rows) -> Iterator[tuple[str, str, int, int]]:
    for entity, contract in CONTRACTS.items():
        for column, target in references_of(contract).items():
            key = identifiers_of(CONTRACTS[target])[0]
            there = {row[key] for row in full[target]}
            told = [row[column] for row in living[entity] if row.get(column) is not None]
            yield entity, "referential_integrity", len(told), sum(each in there for each in told)


def _agreements(full: Rows, living: Rows) -> Iterator[tuple[str, str, int, int]]:
    companies = {row["account_id"]: row for row in full["accounts"]}
    for column in ("country", "domain"):
        pairs = [
            (row[column], companies[row["account_id"]][column])
            for row in living["customers"]
            if row.get(column) and companies.get(row["account_id"], {}).get(column)
        ]
        alike = sum(one.lower() == other.lower() for one, other in pairs)
        yield "customers", "drift", len(pairs), alike


def _valid(rows: Rows, full: Rows) -> Iterator[tuple[str, str, int, int]]:
    broken: Counter[str] = Counter()
    for row in rows.get("ops.quarantine_counts", ()):
        broken[row["entity"]] += row["rows"]
    for entity in CONTRACTS:
        kept = len(full[entity])
        yield entity, "validity", kept + broken[entity], kept


def _fresh(rows: Rows, times: Times) -> Iterator[tuple[str, str, int, int]]:
    latest: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in rows.get("ops.loads", ()):
        streams = latest[row["source"]]
        before = streams.get(row["stream"], row["loaded_at"])
        streams[row["stream"]] = max(before, row["loaded_at"])
    since = times.now - timedelta(hours=26)
    for source, streams in latest.items():
        fresh = sum(at >= since for at in streams.values())
        yield source, "freshness", len(streams), fresh
