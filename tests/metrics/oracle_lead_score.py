"""What lead_score and lead_segment should say, lead by lead: every model fitted from scratch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from oracle_attribution import people_of
from oracle_leads import LEAD_DIMENSIONS, Rows, Values, _is_deleted, _lead
from oracle_rollup import Fact, Measured, Times, published, ratio

ATTRIBUTES = ("segment", "industry", "region", "channel", "earlier_touches", "earlier_days")
GRAINS = ("month", "quarter")
Scored = dict[str, Any]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    days = times.settings.pipeline.lead_to_opportunity_days
    scored = scores(rows, times)
    told, judged = [], []
    for each in scored:
        shown = each["dimensions"] | {"lead_segment": each["lead_segment"]}
        young = None if each["is_known"] else "too_young"
        told.append(Fact(each["day"], shown, each["excluded"], each))
        judged.append(Fact(each["day"], shown, each["excluded"] or young, each))

    def error(group: Sequence[Scored], name: str) -> Fraction:
        return sum(((each[name] - each["outcome"]) ** 2 for each in group), Fraction(0))

    def mean(group: Any) -> Measured:
        return ratio(sum(each["score"] for each in group), len(group), len(group))

    def brier(group: Any) -> Measured:
        return ratio(error(group, "probability"), len(group), len(group))

    def calibration(group: Any) -> Measured:
        gap = sum(each["probability"] - each["outcome"] for each in group)
        return ratio(abs(gap), len(group), len(group))

    def skill(group: Any) -> Measured:
        base = error(group, "base")
        return ratio(base - error(group, "probability"), base, len(group))

    def share(group: Any) -> Measured:
        return ratio(sum(each["outcome"] for each in group), len(group), len(group))

    def count(group: Any) -> Measured:
        return Measured(len(group), None, len(group), len(group))

    by = (("lead_segment",),)
    values = {
        "lead_score": published(told, times, mean, LEAD_DIMENSIONS, grains=GRAINS),
        "lead_segment_leads": published(told, times, count, by, grains=GRAINS),
    }
    for name, measure in (
        ("lead_score_brier", brier),
        ("lead_score_calibration", calibration),
        ("lead_score_skill", skill),
        ("lead_segment", share),
    ):
        values[name] = published(judged, times, measure, by, grains=GRAINS, mature_after=days)
    return values


def scores(rows: Rows, times: Times) -> list[Scored]:
    """Every inbound lead with its score by the model of its month."""
    people = {user["user_id"]: user for user in rows["users"]}
    companies = {account["account_id"]: account for account in rows["accounts"]}
    days = times.settings.pipeline.lead_to_opportunity_days
    deals = _deals_of(rows, times)
    before = _days_before(rows)
    leads = []
    for row in rows["leads"]:
        if not row["is_inbound"] or row["raised_at"] > times.now:
            continue
        lead = _lead(row, people, companies, times)
        raised, day = row["raised_at"], times.day(row["raised_at"])
        levels = {name: lead["dimensions"][name] or "unknown" for name in ATTRIBUTES[:4]}
        levels |= {name: _band(before[name], row) for name in ATTRIBUTES[4:]}
        converting = [
            deal
            for deal in deals[row["lead_id"]]
            if raised <= deal["created_at"] < raised + timedelta(days=days)
        ]
        leads.append(
            {"lead_id": row["lead_id"], "day": day, "levels": levels}
            | {"dimensions": lead["dimensions"], "reason": lead["reason"]}
            | {"learns": row["excluded_reason"] is None, "known_on": day + timedelta(days=days)}
            | {"gone_on": _day_after(row, times), "converting": converting}
        )
    models: dict[date, Any] = {}
    found = []
    for lead in leads:
        month = lead["day"].replace(day=1)
        if month not in models:
            models[month] = _model(leads, month, times)
        found.append(_scored(lead, models[month], month, times))
    return found


def _scored(lead: Mapping[str, Any], model: Any, month: date, times: Times) -> Scored:
    undone = all(_day_after(deal, times) for deal in lead["converting"])
    row = {
        "lead_id": lead["lead_id"],
        "day": lead["day"],
        "dimensions": lead["dimensions"],
        "is_known": lead["known_on"] <= times.today,
        "outcome": int(bool(lead["converting"]) and not undone),
        "excluded": lead["reason"] or (None if model else "too_little_history"),
        "score": None,
        "lead_segment": None,
    }
    if model:
        score = _score(lead["levels"], model["points"])
        row |= {"score": score, "lead_segment": _segment(score)}
        row |= {"probability": model["chances"](_segment(score)), "base": model["base"]}
    return row


def _model(leads: Sequence[Mapping[str, Any]], month: date, times: Times) -> Any:
    """Points and chances from what was known on the first day of the month; None if too little."""
    cases = []
    for lead in leads:
        gone = lead["gone_on"]
        if lead["learns"] and lead["known_on"] <= month and (gone is None or gone > month):
            held = [_day_after(deal, times) for deal in lead["converting"]]
            cases.append((lead["levels"], any(each is None or each > month for each in held)))
    k = times.settings.statistics.min_n
    won = sum(1 for _, converted in cases if converted)
    if len(cases) < k or not 0 < won < len(cases):
        return None
    points: dict[tuple[str, str], int] = {}
    for name in ATTRIBUTES:
        told = [(levels[name], converted) for levels, converted in cases]
        told = [(level, converted) for level, converted in told if level != "unknown"]
        good = sum(1 for _, converted in told if converted)
        if not 0 < good < len(told):
            continue
        base = good / len(told)
        for level in {level for level, _ in told}:
            mine = [converted for each, converted in told if each == level]
            rate = (sum(mine) + k * base) / (len(mine) + k)
            bits = math.log2(rate / (1 - rate)) - math.log2(base / (1 - base))
            points[name, level] = int(math.copysign(math.floor(abs(10 * bits) + 0.5), bits))
    by_segment: dict[str, list[bool]] = defaultdict(list)
    for levels, converted in cases:
        by_segment[_segment(_score(levels, points))].append(converted)
    share = Fraction(won, len(cases))

    def chance(segment: str) -> Fraction:
        mine = by_segment[segment]
        return _millionths((sum(mine) + k * share) / (len(mine) + k))

    return {"points": points, "chances": chance, "base": _millionths(share)}


def _millionths(share: Fraction) -> Fraction:
    return Fraction(math.floor(share * 10**6 + Fraction(1, 2)), 10**6)


def _score(levels: Mapping[str, str], points: Mapping[tuple[str, str], int]) -> int:
    return 50 + sum(points.get((name, levels[name]), 0) for name in ATTRIBUTES)


def _segment(score: int) -> str:
    return "A" if score >= 60 else "B" if score >= 50 else "C" if score >= 40 else "D"


def _day_after(row: Mapping[str, Any], times: Times) -> date | None:
    """The day after its deletion, as far as that is known."""
    if not _is_deleted(row, times):
        return None
    day: date = row["_deleted_at"].date()
    return day + timedelta(days=1)


def _deals_of(rows: Rows, times: Times) -> dict[str, list[Mapping[str, Any]]]:
    """Person -> deals that would make a conversion, deleted or not."""
    people = people_of(rows, times)
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for deal in rows["opportunities"]:
        if deal["kind"] != "renewal" and deal["created_at"] <= times.now:
            for person in people[deal["opportunity_id"]]:
                found[person].append(deal)
    return found


def _days_before(rows: Rows) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {
        name: defaultdict(list) for name in ATTRIBUTES[4:]
    }
    for touch in rows.get("touchpoints", ()):
        found["earlier_touches"][touch["lead_id"]].append(touch)
    for act in rows["activities"]:
        if act["direction"] == "inbound":
            found["earlier_days"][act["lead_id"]].append(act)
    return found


def _band(acts: Mapping[str, Sequence[Mapping[str, Any]]], lead: Mapping[str, Any]) -> str:
    raised = lead["raised_at"]
    days = {
        each["occurred_at"].date()
        for each in acts.get(lead["lead_id"], ())
        if each["occurred_at"] < raised
        and (each.get("_deleted_at") is None or each["_deleted_at"] >= raised)
    }
    return "2 and more" if len(days) > 1 else str(len(days))
