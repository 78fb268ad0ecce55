"""What attribution should say of a random company, told deal by deal and touch by touch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from oracle_deals import CENT, MONEY, Rows, Values, _deal, cents, rate_of
from oracle_rollup import Fact, Measured, Times, published, ratio

MODELS = ("first", "last", "linear", "u_shaped", "w_shaped", "full_path", "time_decay")
HOUR = timedelta(hours=1)
NO_TOUCH = {"touchpoint_id": "no_touch", "campaign_id": "no_touch", "channel": "no_touch"}
Credit = dict[str, Any]
AMOUNT_DIMENSIONS = tuple(each for each in MONEY if each != ("channel",))


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    amounts = milestones(rows, times)
    shared = credits(rows, times)
    values: Values = {}
    for name, basis, age in (
        ("attribution", "won", 0),
        ("attribution_billed", "billed", 365),
        ("attribution_pipeline", "pipeline", 0),
    ):
        whole = [_fact(each, each) for each in amounts if each["basis"] == basis]
        mine = [each for each in shared if each["basis"] == basis]
        values[name] = published(
            whole, times, _summed, AMOUNT_DIMENSIONS, mature_after=age
        ) | _broken_down(mine, times, age)
    has_touch = {
        each["opportunity_id"]: each["channel"] != "no_touch"
        for each in shared
        if each["basis"] == "won"
    }

    def touched(group: Sequence[Mapping[str, Any]]) -> Measured:
        met = sum(each["amount"] for each in group if has_touch[each["opportunity_id"]])
        return ratio(met, sum(each["amount"] for each in group), len(group))

    won = [_fact(each, each) for each in amounts if each["basis"] == "won"]
    values["attribution_touched"] = published(won, times, touched, MONEY)
    return values


def _fact(milestone: Mapping[str, Any], weighs: Mapping[str, Any]) -> Fact:
    return Fact(milestone["day"], milestone["dimensions"], milestone["excluded"], weighs)


def _summed(group: Sequence[Mapping[str, Any]]) -> Measured:
    total = sum((each["amount"] for each in group), Decimal(0))
    return Measured(total, None, total, len(group))


def _broken_down(shared: Sequence[Credit], times: Times, age: int) -> dict[Any, Any]:
    facts = [
        Fact(each["day"], each | {"campaign": each["campaign_id"]}, None, each) for each in shared
    ]

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        total = sum((each["credit"] for each in group), Decimal(0))
        return Measured(total, None, total, len({each["opportunity_id"] for each in group}))

    found = {}
    for grains, dimensions in (
        (("month", "quarter"), (("channel", "model"), ("model",))),
        (("quarter",), (("campaign", "model"),)),
    ):
        told = published(facts, times, measure, dimensions, grains=grains, mature_after=age)
        found |= {key: value for key, value in told.items() if key[2] != "{}"}
    return found


def milestones(rows: Rows, times: Times) -> list[dict[str, Any]]:
    """Every amount that could be shared: its basis, deal, day, end of the journey, reason."""
    deals = [_deal(rows, deal, times) for deal in rows["opportunities"]]
    deals = [deal for deal in deals if deal["created_at"] <= times.now]
    bills = billed(rows, deals, times)
    found = []
    for deal in deals:
        row = {"opportunity_id": deal["opportunity_id"], "dimensions": deal["dimensions"]}
        row["created_at"] = deal["created_at"]
        if deal["is_won"]:
            row |= {"ends_at": deal["closed_at"], "day": times.day(deal["closed_at"])}
            excluded = deal["why"] or deal["why_money"]
            found.append(row | {"basis": "won", "amount": deal["worth"], "excluded": excluded})
            amount, is_whole = bills.get(deal["opportunity_id"], (None, True))
            lacks = "not_billed" if amount is None else None if is_whole else "missing_rate"
            excluded = deal["why"] or lacks
            found.append(row | {"basis": "billed", "amount": amount, "excluded": excluded})
        day = times.day(deal["created_at"])
        rate = deal["currency"] and rate_of(rows, deal["currency"], day.replace(day=1))
        why_money = (
            "no_amount"
            if deal["amount"] is None
            else "no_currency"
            if deal["currency"] is None
            else None
            if rate
            else "missing_rate"
        )
        found.append(
            row
            | {
                "basis": "pipeline",
                "ends_at": deal["created_at"],
                "day": day,
                "amount": None if why_money else cents(Decimal(deal["amount"]) * rate),
                "excluded": deal["why"] or why_money,
            }
        )
    return found


def billed(
    rows: Rows, deals: Sequence[Mapping[str, Any]], times: Times
) -> dict[str, tuple[Decimal, bool]]:
    """Won deal -> what it has been billed, and whether all of it could be valued."""
    company = {customer["customer_id"]: customer["account_id"] for customer in rows["customers"]}
    won: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for deal in deals:
        if deal["is_won"] and not deal["why"] and deal["account_id"]:
            won[deal["account_id"]].append((deal["closed_at"], deal["opportunity_id"]))
    notes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for note in rows.get("credit_notes", ()):
        is_void = (note.get("status") or "").lower() == "void"
        if note["issued_at"] <= times.now and not is_void and not _gone(note, times):
            notes[note["invoice_id"]].append(note)
    found: dict[str, tuple[Decimal, bool]] = {}
    for bill in rows.get("invoices", ()):
        if not _is_issued(bill, times):
            continue
        mine = sorted(won.get(company.get(bill["customer_id"]) or "", ()))
        if not mine:
            continue
        net = Decimal(bill["total"]) - Decimal(bill.get("tax") or 0)
        papers = [(bill["issued_at"], net)]
        for note in notes[bill["invoice_id"]]:
            taken = Fraction(note["amount"]) * Fraction(net) / Fraction(bill["total"])
            whole = Decimal(taken.numerator) / taken.denominator
            papers.append((note["issued_at"], -whole.quantize(CENT, ROUND_HALF_UP)))
        for issued_at, amount in papers:
            day = times.day(issued_at)
            before = [each for each in mine if times.day(each[0]) <= day]
            deal = (before or mine[:1])[-1][1]
            rate = rate_of(rows, bill["currency"], day.replace(day=1))
            worth = cents(amount * rate) if rate else Decimal(0)
            told, is_whole = found.get(deal, (Decimal(0), True))
            found[deal] = (told + worth, is_whole and rate is not None)
    return found


def _is_issued(bill: Mapping[str, Any], times: Times) -> bool:
    if bill.get("issued_at") is None or bill["issued_at"] > times.now or _gone(bill, times):
        return False
    voided = bill.get("voided_at")
    is_void = bill["status"] == "void" and (voided is None or voided <= times.now)
    lost = bill.get("uncollectible_at")
    is_lost = bill["status"] == "uncollectible" and (lost is None or lost <= times.now)
    return bill["status"] != "draft" and not is_void and not is_lost and bool(bill["total"])


def _gone(row: Mapping[str, Any], times: Times) -> bool:
    return row.get("_deleted_at") is not None and row["_deleted_at"] <= times.now


def touches(rows: Rows, times: Times) -> dict[str, list[dict[str, Any]]]:
    """Person -> touches in order, one per campaign (or channel) and day."""
    channel = {each["campaign_id"]: each.get("channel") for each in rows.get("campaigns", ())}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    seen: set[tuple[str, str, date]] = set()
    for touch in sorted(
        rows.get("touchpoints", ()), key=lambda each: (each["occurred_at"], each["touchpoint_id"])
    ):
        if touch["lead_id"] is None or touch["occurred_at"] > times.now or _gone(touch, times):
            continue
        campaign = touch.get("campaign_id")
        through = touch.get("channel") or channel.get(campaign or "") or "unknown"
        once = (touch["lead_id"], campaign or through, touch["occurred_at"].date())
        if once not in seen:
            seen.add(once)
            found[touch["lead_id"]].append(dict(touch) | {"channel": through})
    return found


def people_of(rows: Rows, times: Times) -> dict[str, set[str]]:
    """Deal -> its people."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows["opportunity_contacts"]:
        if not _gone(row, times):
            found[row["opportunity_id"]].add(row["lead_id"])
    for deal in rows["opportunities"]:
        if deal["lead_id"] is not None:
            found[deal["opportunity_id"]].add(deal["lead_id"])
    return found


def credits(rows: Rows, times: Times) -> list[Credit]:
    """Every credit of every deal, basis and model."""
    met, people = touches(rows, times), people_of(rows, times)
    leads = {lead["lead_id"]: lead for lead in rows["leads"]}
    window = timedelta(days=times.settings.engagement.lookback_days)
    half_life = times.settings.engagement.half_life_days
    found = []
    for each in milestones(rows, times):
        if each["excluded"]:
            continue
        mine = people[each["opportunity_id"]]
        journey = sorted(
            (
                touch
                for person in mine
                for touch in met.get(person, ())
                if each["ends_at"] - window <= touch["occurred_at"] <= each["ends_at"]
            ),
            key=lambda touch: (touch["occurred_at"], touch["touchpoint_id"]),
        )
        raised = [
            leads[person]["raised_at"] or leads[person]["created_at"]
            for person in mine
            if person in leads
        ]
        since = min(raised, default=each["ends_at"])
        for model in MODELS:
            shares = parts(model, journey, since, each, half_life)
            for touch, credit in _paid_out(each["amount"], journey, shares):
                found.append(
                    {name: touch[name] for name in NO_TOUCH}
                    | {"opportunity_id": each["opportunity_id"], "basis": each["basis"]}
                    | {"model": model, "credit": credit, "day": each["day"]}
                    | {"touched_at": touch.get("occurred_at")}
                )
    return found


def parts(
    model: str,
    journey: Sequence[Mapping[str, Any]],
    lead_created_at: datetime,
    milestone: Mapping[str, Any],
    half_life: int,
) -> list[Fraction]:
    """What part of the whole each touch has."""
    if not journey:
        return []
    last = len(journey) - 1
    at = [touch["occurred_at"] for touch in journey]
    lead = max((n for n in range(last + 1) if at[n] <= lead_created_at + HOUR), default=0)
    deal = max((n for n in range(last + 1) if at[n] <= milestone["created_at"]), default=0)
    if model == "time_decay":
        ages = [(milestone["ends_at"] - each) / timedelta(days=1) for each in at]
        weights = [Fraction(2.0 ** (-age / half_life)) for age in ages]
        return [weight / sum(weights) for weight in weights]
    if model == "linear":
        return [Fraction(1, last + 1)] * (last + 1)
    roles = {
        "first": ([0], 1000),
        "last": ([last], 1000),
        "u_shaped": ([0, lead], 400),
        "w_shaped": ([0, lead, deal], 300),
        "full_path": ([0, lead, deal, *([] if milestone["basis"] == "pipeline" else [last])], 225),
    }
    places, weight = roles[model]
    shares = [Fraction(weight * places.count(n), 1000) for n in range(last + 1)]
    others = [n for n in range(last + 1) if not shares[n]]
    left = {"u_shaped": Fraction(1, 5), "w_shaped": Fraction(1, 10), "full_path": Fraction(1, 10)}
    for place in others:
        shares[place] = left.get(model, Fraction(0)) / len(others)
    whole = sum(shares)
    return [share / whole for share in shares]


def _paid_out(
    amount: Decimal, journey: Sequence[Mapping[str, Any]], shares: Sequence[Fraction]
) -> list[tuple[Mapping[str, Any], Decimal]]:
    if not journey:
        return [(NO_TOUCH, amount)]
    credited = [(touch, share) for touch, share in zip(journey, shares, strict=True) if share]
    hundredths = Fraction(amount) * 100
    paid = [
        Decimal(math.floor(hundredths * share + Fraction(1, 10**6))) / 100 for _, share in credited
    ]
    paid[-1] += amount - sum(paid)
    return [(touch, credit) for (touch, _), credit in zip(credited, paid, strict=True)]
