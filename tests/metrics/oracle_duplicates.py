"""What `duplicates` should publish: told record by record, from the pairs that the model gives.

That the model's pairs are the right ones is tested with people of whom it is known
(`test_duplicates_found.py`). Here is checked of each pair what must hold whatever its probability,
and everything that is counted from pairs is counted anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from oracle_rollup import Fact, Key, Measured, Times, published, ratio

from revops_pipelines.assets.metrics._duplicate_pairs import THRESHOLD, probable_duplicates

PEOPLE = ("segment", "industry", "region", "owner", "team", "channel")
COMPANIES = ("segment", "industry", "region", "owner", "team")
NO_LEADS = ("test", "spam", "internal")
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Values = dict[str, dict[Key, dict[str, Any]]]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    records = _compared(rows, times)
    told = probable_duplicates(pd.DataFrame(list(records.values()), columns=COLUMNS))
    pairs = told[told.state == "probable"].to_dict("records")
    for pair in pairs:
        _check(pair, records)
    _check_clusters(pairs, records)
    alone = set(told[told.state == "not_compared"].record_id)
    spans: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        across = _source_of(records[pair["record_id"]]) != _source_of(records[pair["other_id"]])
        for end in (pair["record_id"], pair["other_id"]):
            spans[end].add("across" if across else "within")
    people, companies = _facts(rows, times, spans, alone)
    return _values("duplicates", people, PEOPLE, times) | _values(
        "duplicates_accounts", companies, COMPANIES, times
    )


COLUMNS = (
    "entity record_id source name email domain company_id parent_id country created_at activities "
    "link"
).split()


def _source_of(record: Row) -> str:
    return str(record["source"])


def _known(row: Row, times: Times) -> bool:
    return row.get("created_at") is None or row["created_at"] <= times.now


def _deleted(row: Row, times: Times) -> bool:
    return row.get("_deleted_at") is not None and row["_deleted_at"] <= times.now


def _compared(rows: Rows, times: Times) -> dict[str, dict[str, Any]]:
    touched: dict[str, set[Any]] = defaultdict(set)
    for place, activity in enumerate(rows["activities"]):
        if activity["occurred_at"] <= times.now and not _deleted(activity, times):
            touched[activity["lead_id"]].add(place)
            if activity.get("account_id"):
                touched[activity["account_id"]].add(place)
    found = {}
    for entity, key in (("leads", "lead_id"), ("accounts", "account_id")):
        for row in rows[entity]:
            if not _known(row, times) or _deleted(row, times):
                continue
            if row.get("excluded_reason") in NO_LEADS:
                continue
            is_lead = entity == "leads"
            found[row[key]] = {
                "entity": entity,
                "record_id": row[key],
                "source": row.get("source") or row[key].partition(":")[0],
                "name": row.get("full_name" if is_lead else "name"),
                "email": row.get("email") if is_lead else None,
                "domain": None if is_lead else row.get("domain"),
                "company_id": row.get("account_id") if is_lead else None,
                "parent_id": None if is_lead else row.get("parent_account_id"),
                "country": row.get("country"),
                "created_at": row.get("created_at"),
                "activities": len(touched[row[key]]),
                "link": None,
            }
    return found


def _check(pair: Row, records: Mapping[str, Row]) -> None:
    """Two living records of one kind, no kin, likely enough, with something in common."""
    one, other = records[pair["record_id"]], records[pair["other_id"]]
    assert one["entity"] == other["entity"] == pair["entity"]
    assert one["record_id"] < other["record_id"]
    assert THRESHOLD <= pair["match_probability"] <= 1
    assert one["record_id"] != other["parent_id"]
    assert other["record_id"] != one["parent_id"]
    assert one["parent_id"] is None or one["parent_id"] != other["parent_id"]
    assert blocks_of(one) & blocks_of(other), pair
    for known in (one["name"], one["email"], other["name"], other["email"]):
        assert not known or known not in pair["evidence"]


def blocks_of(record: Row) -> set[tuple[str, Any]]:
    """What a record may be compared by."""
    words = _words(record["name"])
    if record["entity"] == "accounts":
        host = (record["domain"] or "").lower().removeprefix("www.")
        labels = [label for label in host.split(".") if label]
        joined = "".join(words)
        found: set[tuple[str, Any]] = {("beginning", joined[:6])} if joined else set()
        return found | {("domain", label) for label in labels if len(label) > 3}
    local, _, domain = (record["email"] or "").lower().partition("@")
    mailbox = "".join(sign for sign in _plain(local.partition("+")[0]) if sign.isalnum())
    company = record["company_id"] or domain
    found = {("name", frozenset(words))} if len(words) > 1 else set()
    found |= {("mailbox", mailbox)} if mailbox else set()
    if company:
        found |= {("company", company, word[:2]) for word in words}
        found |= {("company mailbox", company, mailbox[:3])} if mailbox else set()
    return found


def _words(name: str | None) -> list[str]:
    return re.findall(r"[^\W_]+", _plain(name or ""))


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFD", text.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _check_clusters(pairs: Sequence[Row], records: Mapping[str, Row]) -> None:
    """A cluster is all that pairs chain up, and keeps its busiest, oldest, first record."""
    beside: dict[str, set[str]] = defaultdict(set)
    named: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for pair in pairs:
        for one, other in ((0, 1), (1, 0)):
            ends = (pair["record_id"], pair["other_id"])
            beside[ends[one]].add(ends[other])
            named[ends[one]].add((pair["cluster_id"], pair["keep_id"]))
    seen: set[str] = set()
    for start in sorted(beside):
        if start in seen:
            continue
        cluster, waiting = {start}, [start]
        while waiting:
            fresh = beside[waiting.pop()] - cluster
            cluster |= fresh
            waiting += fresh
        seen |= cluster
        keep = min(cluster, key=lambda each: _merit(records[each]))
        assert {name for each in cluster for name in named[each]} == {(min(cluster), keep)}


def _merit(record: Row) -> tuple[Any, ...]:
    created = record["created_at"]
    return -record["activities"], created is None, created or 0, record["record_id"]


def _facts(
    rows: Rows, times: Times, spans: Mapping[str, set[str]], alone: set[str]
) -> tuple[list[Fact], list[Fact]]:
    team = {user["user_id"]: user.get("team") for user in rows["users"]}
    companies = {account["account_id"]: account for account in rows["accounts"]}
    people_facts, company_facts = [], []
    for lead in rows["leads"]:
        if not _known(lead, times):
            continue
        company = companies.get(lead["account_id"], {})
        reason = "deleted" if _deleted(lead, times) else None
        if lead["excluded_reason"] in NO_LEADS:
            reason = lead["excluded_reason"]
        dimensions = {
            "owner": lead["owner_id"],
            "team": team.get(lead["owner_id"]),
            "channel": lead.get("channel"),
        } | {
            name: lead.get(name) or company.get(name) for name in ("segment", "industry", "region")
        }
        people_facts += _placed(lead["lead_id"], dimensions, reason, times, spans, alone)
    for account in rows["accounts"]:
        if not _known(account, times):
            continue
        reason = "deleted" if _deleted(account, times) else None
        dimensions = {name: account.get(name) for name in ("segment", "industry", "region")} | {
            "owner": account.get("owner_id"),
            "team": team.get(account.get("owner_id")),
        }
        company_facts += _placed(account["account_id"], dimensions, reason, times, spans, alone)
    return people_facts, company_facts


def _placed(
    record: str,
    dimensions: Mapping[str, Any],
    reason: str | None,
    times: Times,
    spans: Mapping[str, set[str]],
    alone: set[str],
) -> list[Fact]:
    reason = reason or ("too_common_to_compare" if record in alone else None)
    weighs = {"span": spans.get(record, set())}
    return [
        Fact(None, dimensions, reason, weighs, (grain, times.period(times.today, grain)[0]))
        for grain in ("week", "month", "quarter")
    ]


def _values(name: str, facts: list[Fact], dimensions: Sequence[str], times: Times) -> Values:
    def count(wanted: Any) -> Any:
        def measured(group: Sequence[Mapping[str, Any]]) -> Measured:
            cases = sum(1 for each in group if wanted(each["span"]))
            return Measured(cases, None, cases, len(group))

        return measured

    def share(group: Sequence[Mapping[str, Any]]) -> Measured:
        return ratio(sum(1 for each in group if each["span"]), len(group), len(group))

    measures = {
        "": count(bool),
        "_within": count(lambda span: span == {"within"}),
        "_across": count(lambda span: "across" in span),
        "_share": share,
    }
    each = tuple((dimension,) for dimension in dimensions)
    return {
        f"{name}{suffix}": published(facts, times, measure, each)
        for suffix, measure in measures.items()
    }
