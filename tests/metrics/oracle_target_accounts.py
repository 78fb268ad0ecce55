"""What target_account_engagement should say of a random company, told account by account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from oracle_attribution import _gone
from oracle_leads import Rows, Values
from oracle_rollup import GRAINS, Fact, Measured, Times, published, ratio

ACTS = ("call", "email", "meeting", "message", "form")
NOTHING = frozenset(
    "opened clicked delivered auto_reply out_of_office bounced unsubscribed spam voicemail "
    "no_answer no_show canceled cancelled rescheduled".split()
)
DIMENSIONS = tuple((name,) for name in ("segment", "industry", "region", "owner", "team"))


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    return {"target_account_engagement": _engagement(rows, times)}


def _engagement(rows: Rows, times: Times) -> dict[Any, Any]:
    listed = [row for row in rows.get("target_accounts", ()) if not _gone(row, times)]
    days = engaged_days(rows, times)
    wanted = {row["account_id"] for row in rows.get("target_accounts", ())}
    first = min((day for account in wanted for day, _ in days.get(account, ())), default=None)
    if first is None:
        return {}
    people = {user["user_id"]: user for user in rows["users"]}
    companies = {account["account_id"]: account for account in rows["accounts"]}
    settings = times.settings.engagement
    once, each = [], []
    for grain in GRAINS:
        start = times.period(first, grain)[0]
        while start <= times.today:
            end = times.period(start, grain)[1]
            judged = end - timedelta(days=1) if end <= times.today else times.today
            members = [row for row in listed if _is_listed(row, judged)]
            since = judged - timedelta(days=settings.window_days)
            for account in {row["account_id"] for row in members}:
                engaged = {who for day, who in days.get(account, ()) if since < day <= judged}
                told = {"yes": len(engaged) >= settings.min_contacts}
                company = companies.get(account, {})
                excluded = "deleted" if _gone(company, times) else None
                owner = company.get("owner_id")
                shown = {
                    **{name: company.get(name) for name in ("segment", "industry", "region")},
                    "owner": owner,
                    "team": people.get(owner, {}).get("team"),
                }
                once.append(Fact(None, shown, excluded, told, (grain, start)))
                each += [
                    Fact(None, {"list": row["list_name"]}, excluded, told, (grain, start))
                    for row in members
                    if row["account_id"] == account and grain != "week"
                ]
            start = end
    lists = published(each, times, _share, (("list",),))
    return published(once, times, _share, DIMENSIONS) | {
        key: value for key, value in lists.items() if key[2] != "{}"
    }


def _share(group: Sequence[Mapping[str, Any]]) -> Measured:
    return ratio(sum(1 for row in group if row["yes"]), len(group), len(group))


def _is_listed(row: Mapping[str, Any], day: date) -> bool:
    added, removed = row.get("added_on"), row.get("removed_on")
    return (added is None or added <= day) and (removed is None or removed > day)


def engaged_days(rows: Rows, times: Times) -> dict[str, set[tuple[date, str]]]:
    """Account -> (day, person) of everything that engages."""
    company = {
        lead["lead_id"]: lead["account_id"]
        for lead in rows["leads"]
        if lead["excluded_reason"] in (None, "imported") and not _gone(lead, times)
    }
    acts = [
        each
        for each in rows["activities"]
        if each["kind"] in ACTS
        and (each["is_two_way"] or each["direction"] == "inbound")
        and (each["outcome"] or "").lower() not in NOTHING
    ]
    acts += [
        each
        for each in rows.get("touchpoints", ())
        if (each.get("kind") or "").lower() in ("form_fill", "response", "responded", "attended")
    ]
    found: dict[str, set[tuple[date, str]]] = defaultdict(set)
    for act in acts:
        who = act["lead_id"]
        if company.get(who) and act["occurred_at"] <= times.now and not _gone(act, times):
            found[company[who]].add((times.day(act["occurred_at"]), who))
    return found
