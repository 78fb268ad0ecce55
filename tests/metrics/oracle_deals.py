"""What the deal metrics should say of a random company, told deal by deal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from oracle_rollup import Fact, Key, Measured, Times, exactly, published, quantile, ratio

DIMENSIONS = tuple(
    (name,) for name in ("segment", "industry", "region", "owner", "team", "channel", "kind")
)
MONEY = (*DIMENSIONS, ("currency",))
STAGES = (("pipeline", "stage"), *DIMENSIONS)
CENT = Decimal("0.01")
DAY = timedelta(days=1)
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
Deal = Mapping[str, Any]


def rate_of(rows: Rows, currency: str, month: date) -> Decimal | None:
    """The rate that holds on the first day of a month."""
    if currency == "USD":
        return Decimal(1)
    known = [row for row in rows["fx_rates"] if row["currency"] == currency]
    held = [row for row in known if row["valid_on"] <= month]
    return max(held, key=lambda row: row["valid_on"])["rate"] if held else None


def cents(amount: Decimal) -> Decimal:
    """Rounded half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    deals = deals_of(rows, times)
    return (
        _won(deals, times)
        | _cycles(deals, times)
        | _velocity(rows, deals, times)
        | {**_stages(rows, deals, times)}
    )


def deals_of(rows: Rows, times: Times) -> list[dict[str, Any]]:
    """The deals known by now, with what follows from them."""
    deals = [_deal(rows, deal, times) for deal in rows["opportunities"]]
    return [deal for deal in deals if deal["created_at"] <= times.now]


def _deal(rows: Rows, row: Deal, times: Times) -> dict[str, Any]:
    people = {user["user_id"]: user for user in rows["users"]}
    companies = {account["account_id"]: account for account in rows["accounts"]}
    company = companies.get(row["account_id"], {})
    people_met = {lead["lead_id"]: lead.get("channel") for lead in rows["leads"]}
    is_decided = bool(row["is_closed"] and row["closed_at"] and row["closed_at"] <= times.now)
    valued = times.day(row["closed_at"]) if is_decided else times.today
    rate = row["currency"] and rate_of(rows, row["currency"], valued.replace(day=1))
    is_deleted = row["_deleted_at"] is not None and row["_deleted_at"] <= times.now
    amount = row["amount"]
    return dict(row) | {
        "is_decided": is_decided,
        "is_won": is_decided and row["is_won"],
        "is_deleted": is_deleted,
        "worth": None if amount is None or rate is None else cents(Decimal(amount) * rate),
        "why": _first(
            (is_deleted, "deleted"),
            (row["kind"] == "renewal", "renewal"),
            (amount == 0, "zero_amount"),
        ),
        "why_money": _first(
            (amount is None, "no_amount"),
            (row["currency"] is None, "no_currency"),
            (rate is None, "missing_rate"),
        ),
        "no_decision": is_decided and not row["is_won"] and row["lost_reason"] == "No decision",
        "dimensions": {
            **{name: company.get(name) for name in ("segment", "industry", "region")},
            "channel": row.get("channel") or people_met.get(row["lead_id"]),
            "owner": row["owner_id"],
            "team": people.get(row["owner_id"], {}).get("team"),
            "kind": row["kind"],
            "currency": row["currency"],
        },
    }


def _first(*cases: tuple[bool, str]) -> str | None:
    return next((reason for holds, reason in cases if holds), None)


def _days(since: datetime, until: datetime) -> Fraction:
    return exactly(until - since, DAY)


def _won(deals: Sequence[Deal], times: Times) -> Values:
    age = times.settings.pipeline.created_cohort_days
    closed = [deal for deal in deals if deal["is_decided"]]
    no_decision = {deal["opportunity_id"]: deal["no_decision"] and "no_decision" for deal in deals}

    def reason(deal: Deal, *more: str | None) -> str | None:
        undecided = None if deal["is_decided"] else "open"
        return next(
            (
                each
                for each in (deal["why"], undecided, no_decision[deal["opportunity_id"]], *more)
                if each
            ),
            None,
        )

    def by_count(group: Sequence[Deal]) -> Measured:
        return ratio(sum(1 for deal in group if deal["is_won"]), len(group), len(group))

    def by_value(group: Sequence[Deal]) -> Measured:
        won = sum((deal["worth"] for deal in group if deal["is_won"]), Decimal(0))
        return ratio(won, sum(deal["worth"] for deal in group), len(group))

    def apart(group: Sequence[Deal]) -> Measured:
        return ratio(sum(1 for deal in group if deal["no_decision"]), len(group), len(group))

    def closed_on(deal: Deal, why: str | None) -> Fact:
        return Fact(times.day(deal["closed_at"]), deal["dimensions"], why, deal)

    def created_on(deal: Deal, why: str | None) -> Fact:
        return Fact(times.day(deal["created_at"]), deal["dimensions"], why, deal)

    won = [deal for deal in closed if deal["is_won"]]
    priced = [closed_on(deal, deal["why"] or deal["why_money"]) for deal in won]

    def price(group: Sequence[Deal]) -> Measured:
        return ratio(sum(deal["worth"] for deal in group), len(group), len(group))

    def median_price(group: Sequence[Deal]) -> Measured:
        lives = [(Fraction(deal["worth"]), True) for deal in group]
        return Measured(None, None, quantile(lives, Fraction(1, 2)), len(group))

    return {
        "win_rate": published(
            [closed_on(deal, reason(deal)) for deal in closed], times, by_count, DIMENSIONS
        ),
        "win_rate_value": published(
            [closed_on(deal, reason(deal, deal["why_money"])) for deal in closed],
            times,
            by_value,
            MONEY,
        ),
        "win_rate_created": published(
            [created_on(deal, reason(deal)) for deal in deals],
            times,
            by_count,
            DIMENSIONS,
            mature_after=age,
        ),
        "win_rate_created_value": published(
            [created_on(deal, reason(deal, deal["why_money"])) for deal in deals],
            times,
            by_value,
            MONEY,
            mature_after=age,
        ),
        "win_rate_no_decision": published(
            [closed_on(deal, deal["why"]) for deal in closed], times, apart, DIMENSIONS
        ),
        "average_selling_price": published(priced, times, price, MONEY),
        "average_selling_price_median": published(
            priced, times, median_price, MONEY, broken_down=("month",)
        ),
    }


def _cycles(deals: Sequence[Deal], times: Times) -> Values:
    won = [deal for deal in deals if deal["is_won"]]

    def fact(day: datetime, deal: Deal, why: str | None, since: datetime, until: datetime) -> Fact:
        weighs = {"days": _days(since, until), "over": deal["is_won"], "worth": deal["worth"]}
        return Fact(times.day(day), deal["dimensions"], why, weighs)

    def median(group: Any) -> Measured:
        lives = [(row["days"], row["over"]) for row in group]
        return Measured(None, None, quantile(lives, Fraction(1, 2)), len(group))

    def mean(group: Any) -> Measured:
        return ratio(sum(row["days"] for row in group), len(group), len(group))

    def velocity(group: Any) -> Measured:
        days = Fraction(sum(row["days"] for row in group), len(group))
        return ratio(sum(row["worth"] for row in group), days, len(group))

    def early(deal: Deal, since: str, name: str) -> str | None:
        is_early = (
            deal["is_decided"] and deal[since] is not None and deal["closed_at"] < deal[since]
        )
        return f"closed_before_{name}" if is_early else None

    from_created = [
        fact(
            deal["closed_at"],
            deal,
            deal["why"] or early(deal, "created_at", "created"),
            deal["created_at"],
            deal["closed_at"],
        )
        for deal in won
    ]
    from_qualified = [
        fact(
            deal["closed_at"],
            deal,
            deal["why"]
            or (None if deal["qualified_at"] else "never_qualified")
            or early(deal, "qualified_at", "qualified"),
            deal["qualified_at"] or deal["closed_at"],
            deal["closed_at"],
        )
        for deal in won
    ]
    running = [
        fact(
            deal["created_at"],
            deal,
            deal["why"]
            or ("lost" if deal["is_decided"] and not deal["is_won"] else None)
            or early(deal, "created_at", "created"),
            deal["created_at"],
            deal["closed_at"] if deal["is_decided"] else times.now,
        )
        for deal in deals
    ]
    valued = [
        fact(
            deal["closed_at"],
            deal,
            deal["why"] or early(deal, "created_at", "created") or deal["why_money"],
            deal["created_at"],
            deal["closed_at"],
        )
        for deal in won
    ]
    age = times.settings.pipeline.created_cohort_days
    month = ("month",)
    return {
        "sales_cycle": published(from_created, times, median, DIMENSIONS, broken_down=month),
        "sales_cycle_mean": published(from_created, times, mean, DIMENSIONS),
        "sales_cycle_from_qualified": published(
            from_qualified, times, median, DIMENSIONS, broken_down=month
        ),
        "sales_cycle_from_qualified_mean": published(from_qualified, times, mean, DIMENSIONS),
        "sales_cycle_created": published(
            running, times, median, DIMENSIONS, broken_down=month, mature_after=age
        ),
        "closed_value_velocity": published(valued, times, velocity, MONEY),
    }


def _stays(rows: Rows, deal: Deal, times: Times) -> list[Mapping[str, Any]]:
    """The deal's stays that had begun, in order."""
    stays = [
        stay
        for stay in rows["opportunity_stage_history"]
        if stay["opportunity_id"] == deal["opportunity_id"] and stay["entered_at"] <= times.now
    ]
    return sorted(stays, key=lambda stay: stay["entered_at"])


def _velocity(rows: Rows, deals: Sequence[Deal], times: Times) -> Values:
    facts = []
    for deal in deals:
        if deal["qualified_at"] is None or deal["qualified_at"] > times.now:
            continue
        stays = _stays(rows, deal, times)
        for grain in ("month", "quarter"):
            for start, end in _periods(times, grain):
                if _is_open_before(deal, stays, _instant(end, times)):
                    facts.append(
                        Fact(None, deal["dimensions"], deal["why"], {"open": 1}, (grain, start))
                    )
        if deal["is_decided"]:
            why = _why_not_done(deal)
            for grain in ("month", "quarter"):
                start = times.period(times.day(deal["closed_at"]), grain)[0]
                facts.append(Fact(None, deal["dimensions"], why, {"done": deal}, (grain, start)))

    grains = ("month", "quarter")
    return {"pipeline_velocity": published(facts, times, _yield, DIMENSIONS, grains=grains)}


def _why_not_done(deal: Deal) -> str | None:
    won_early = deal["is_won"] and deal["closed_at"] < deal["created_at"]
    unpriced = deal["why_money"] if deal["is_won"] else None
    return (
        deal["why"]
        or _first((deal["no_decision"], "no_decision"), (won_early, "closed_before_created"))
        or unpriced
    )


def _yield(group: Sequence[Mapping[str, Any]]) -> Measured:
    """Open deals x what a decided one brought / mean days of the won ones."""
    still_open = sum(row.get("open", 0) for row in group)
    done = [row["done"] for row in group if "done" in row]
    won = [deal for deal in done if deal["is_won"]]
    if not done:
        return Measured(None, None, None, still_open)
    worth = sum((deal["worth"] for deal in won), Decimal(0))
    yields = still_open * Fraction(worth) / len(done)
    if not won:
        return Measured(yields, None, None, still_open)
    days = sum(_days(deal["created_at"], deal["closed_at"]) for deal in won)
    return ratio(yields, Fraction(days, len(won)), still_open)


def _periods(times: Times, grain: str) -> list[tuple[date, date]]:
    start, end = times.period(date(2020, 1, 1), grain)
    found = []
    while start <= times.today:
        found.append((start, end))
        start, end = times.period(end, grain)
    return found


def _instant(day: date, times: Times) -> datetime:
    """The beginning of a reporting day, or the instant of knowledge before it, naive UTC."""
    zone = ZoneInfo(times.settings.company.time_zone)
    begins = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return min(begins, times.now)


def _is_open_before(deal: Deal, stays: Sequence[Mapping[str, Any]], instant: datetime) -> bool:
    """Whether the deal was qualified and open just before an instant."""
    if deal["qualified_at"] >= instant:
        return False
    if not stays:
        return not deal["is_decided"] or deal["closed_at"] >= instant
    begun = [stay for stay in stays if stay["entered_at"] < instant]
    return bool(begun) and not begun[-1]["is_closed"]


def _stages(rows: Rows, deals: Sequence[Deal], times: Times) -> Values:
    conversions, durations = [], []
    for deal in deals:
        stays = _stays(rows, deal, times)
        visits: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, stay in enumerate(stays):
            if not stay["is_closed"]:
                visits[stay["pipeline"], stay["stage"]].append(place)
        for (pipeline, stage), places in visits.items():
            dimensions = deal["dimensions"] | {"pipeline": pipeline, "stage": stage}
            day = times.day(stays[places[0]]["entered_at"])
            outcome = _outcome(deal, stays, places[0])
            why = "deleted" if deal["is_deleted"] else None
            unfinished = {"open": "still_open", "moved": "moved_to_other_pipeline"}.get(outcome)
            conversions.append(
                Fact(day, dimensions, why or unfinished, {"yes": outcome == "advanced"})
            )
            durations.append(Fact(day, dimensions, why, _stayed(stays, places, times)))
    age = times.settings.pipeline.created_cohort_days

    def share(group: Any) -> Measured:
        return ratio(sum(1 for row in group if row["yes"]), len(group), len(group))

    values = {"stage_conversion": published(conversions, times, share, STAGES, mature_after=age)}
    for name, part in (("stage_duration", Fraction(1, 2)), ("stage_duration_p90", Fraction(9, 10))):

        def measure(group: Any, part: Fraction = part) -> Measured:
            lives = [(row["days"], row["over"]) for row in group]
            return Measured(None, None, quantile(lives, part), len(group))

        values[name] = published(
            durations, times, measure, STAGES, broken_down=("month",), mature_after=age
        )
    return values


def _stayed(stays: Sequence[Mapping[str, Any]], places: list[int], times: Times) -> dict[str, Any]:
    total, over = timedelta(0), True
    for place in places:
        left = stays[place]["left_at"]
        if left is None or left > times.now:
            left, over = times.now, False
        total += left - stays[place]["entered_at"]
    return {"days": exactly(total, DAY), "over": over}


def _outcome(deal: Deal, stays: Sequence[Mapping[str, Any]], first: int) -> str:
    stay = stays[first]
    for later in stays[first + 1 :]:
        if later["pipeline"] == stay["pipeline"]:
            further = not later["is_closed"] and later["stage_order"] > stay["stage_order"]
            if later["is_won"] or further:
                return "advanced"
    if deal["pipeline"] != stay["pipeline"]:
        return "moved"
    if deal["is_decided"]:
        return "advanced" if deal["is_won"] else "lost"
    return "open"
