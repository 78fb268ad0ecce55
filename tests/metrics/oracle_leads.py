"""What the lead metrics should say of a random company, told lead by lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from oracle_rollup import DAYS, Fact, Key, Measured, Times, exactly, published, quantile, ratio

LEAD_DIMENSIONS = tuple(
    (name,) for name in ("segment", "industry", "region", "owner", "team", "channel")
)
MINUTE = timedelta(minutes=1)
TOUCHES = ("call", "email", "meeting", "message")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    people = {user["user_id"]: user for user in rows["users"]}
    companies = {account["account_id"]: account for account in rows["accounts"]}
    facts = [_lead(lead, people, companies, times) for lead in rows["leads"]]
    values = _response(rows, facts, times)
    values["lead_contact_rate"] = _contact(rows, facts, times)
    return values | _conversion(rows, facts, times)


def responses(rows: Rows, times: Times) -> dict[str, dict[str, Any]]:
    """Lead -> touch, minutes and state, for the detail table."""
    people = {user["user_id"]: user for user in rows["users"]}
    found = {}
    for lead in rows["leads"]:
        if not lead["is_inbound"] or lead["raised_at"] > times.now:
            continue
        touches = sorted(
            (activity["occurred_at"], activity["activity_id"])
            for activity in rows["activities"]
            if activity["lead_id"] == lead["lead_id"]
            and activity["occurred_at"] >= lead["raised_at"]
            and _is_touch(activity, times)
        )
        team = people.get(lead["owner_id"], {}).get("team")
        found[lead["lead_id"]] = _judged(lead, touches[0] if touches else None, team, times)
    return found


def _judged(
    lead: Mapping[str, Any], touch: tuple[datetime, str] | None, team: str | None, times: Times
) -> dict[str, Any]:
    until = touch[0] if touch else times.now
    calendar = exactly(until - lead["raised_at"], MINUTE)
    business = worked(lead["raised_at"], until, team, times)
    response = times.settings.response
    is_in_time = (business if response.clock == "business" else calendar) <= response.target_minutes
    if _reason(lead, times):
        state = "excluded"
    else:
        state = ("answered_" if touch else "open_") + ("in_time" if is_in_time else "late")
    return {"touch": touch, "calendar": calendar, "business": business, "state": state}


def worked(since: datetime, until: datetime, team: str | None, times: Times) -> Fraction:
    """Working minutes, day by local day."""
    calendars = times.settings.calendars
    hours = calendars.get(team or "default", calendars["default"])
    zone = ZoneInfo(hours.time_zone)
    years = range(since.year - 1, until.year + 2)
    free = holidays.country_holidays(hours.holidays, years=years) if hours.holidays else {}
    begin, end = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
    day, total = begin.astimezone(zone).date() - timedelta(days=1), timedelta(0)
    while day <= end.astimezone(zone).date():
        if DAYS[day.weekday()] in hours.days and day not in free:
            opens = _on_the_clock(day, hours.opens, zone)
            closes = _on_the_clock(day, hours.closes, zone)
            if hours.closes <= hours.opens:
                closes = _on_the_clock(day + timedelta(days=1), hours.closes, zone)
            total += max(timedelta(0), min(closes, end) - max(opens, begin))
        day += timedelta(days=1)
    return exactly(total, MINUTE)


def _on_the_clock(day: date, clock: str, zone: ZoneInfo) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def _is_touch(activity: Mapping[str, Any], times: Times) -> bool:
    return (
        activity["is_human"]
        and activity["direction"] == "outbound"
        and activity["kind"] in TOUCHES
        and (activity["outcome"] or "").lower() != "bounced"
        and activity["occurred_at"] <= times.now
        and not _is_deleted(activity, times)
    )


def _is_deleted(row: Mapping[str, Any], times: Times) -> bool:
    return row["_deleted_at"] is not None and row["_deleted_at"] <= times.now


def _reason(lead: Mapping[str, Any], times: Times) -> str | None:
    if lead["excluded_reason"]:
        return str(lead["excluded_reason"])
    return "deleted" if _is_deleted(lead, times) else None


def _lead(
    lead: Mapping[str, Any], people: Mapping[str, Any], companies: Mapping[str, Any], times: Times
) -> dict[str, Any]:
    company = companies.get(lead["account_id"], {})
    dimensions = {
        "channel": lead.get("channel"),
        "owner": lead["owner_id"],
        "team": people.get(lead["owner_id"], {}).get("team"),
    }
    for name in ("segment", "industry", "region"):
        dimensions[name] = lead.get(name) or company.get(name)
    return dict(lead) | {"dimensions": dimensions, "reason": _reason(lead, times)}


def _response(rows: Rows, leads: Sequence[Mapping[str, Any]], times: Times) -> Values:
    judged = responses(rows, times)
    facts = [
        Fact(
            times.day(lead["raised_at"]),
            lead["dimensions"],
            lead["reason"],
            judged[lead["lead_id"]],
        )
        for lead in leads
        if lead["lead_id"] in judged
    ]
    values: Values = {}
    for name, clock in (("speed_to_lead", "business"), ("speed_to_lead_calendar", "calendar")):
        for suffix, share in (
            ("", Fraction(1, 2)),
            ("_p90", Fraction(9, 10)),
            ("_p95", Fraction(19, 20)),
        ):

            def measure(group: Any, clock: str = clock, share: Fraction = share) -> Measured:
                lives = [(row[clock], row["touch"] is not None) for row in group]
                return Measured(None, None, quantile(lives, share), len(group), _settled(group))

            values[name + suffix] = published(
                facts, times, measure, LEAD_DIMENSIONS, broken_down=("month",)
            )

    def attained(group: Any) -> Measured:
        closed = [row for row in group if row["state"] != "open_in_time"]
        good = sum(1 for row in closed if row["state"] == "answered_in_time")
        return ratio(good, len(closed), len(closed), is_settled=_settled(group))

    values["sla_attainment"] = published(facts, times, attained, LEAD_DIMENSIONS)
    return values


def _settled(group: Sequence[Mapping[str, Any]]) -> bool:
    return all(row["state"] != "open_in_time" for row in group)


def _contact(
    rows: Rows, leads: Sequence[Mapping[str, Any]], times: Times
) -> dict[Key, dict[str, Any]]:
    days = times.settings.pipeline.contact_days
    facts = []
    for lead in leads:
        if lead["qualified_at"] is None or lead["qualified_at"] > times.now:
            continue
        limit = lead["qualified_at"] + timedelta(days=days)
        contacted = any(
            activity["is_two_way"]
            and activity["kind"] in TOUCHES
            and (activity["outcome"] or "").lower() not in ("bounced", "voicemail")
            and activity["occurred_at"] < limit
            and activity["occurred_at"] <= times.now
            and not _is_deleted(activity, times)
            for activity in rows["activities"]
            if activity["lead_id"] == lead["lead_id"]
        )
        day = times.day(lead["qualified_at"])
        facts.append(Fact(day, lead["dimensions"], lead["reason"], {"yes": contacted}))
    return published(facts, times, _share, LEAD_DIMENSIONS, mature_after=days)


def _share(group: Sequence[Mapping[str, Any]]) -> Measured:
    return ratio(sum(1 for row in group if row["yes"]), len(group), len(group))


def _conversion(rows: Rows, leads: Sequence[Mapping[str, Any]], times: Times) -> Values:
    days = times.settings.pipeline.lead_to_opportunity_days
    cohort, period = [], []
    for lead in leads:
        arrived = lead["raised_at"] or lead["created_at"]
        converted = _first_deal(rows, lead["lead_id"], arrived, times)
        if arrived <= times.now:
            in_time = converted is not None and converted < arrived + timedelta(days=days)
            day = times.day(arrived)
            cohort.append(Fact(day, lead["dimensions"], lead["reason"], {"yes": in_time}))
            period.append(Fact(day, lead["dimensions"], lead["reason"], {"in": 1, "out": 0}))
        if converted is not None:
            day = times.day(converted)
            period.append(Fact(day, lead["dimensions"], lead["reason"], {"in": 0, "out": 1}))

    def flow(group: Any) -> Measured:
        arrived = sum(row["in"] for row in group)
        return ratio(sum(row["out"] for row in group), arrived, arrived)

    return {
        "lead_to_opportunity": published(cohort, times, _share, LEAD_DIMENSIONS, mature_after=days),
        "lead_to_opportunity_period": published(period, times, flow, LEAD_DIMENSIONS),
    }


def _first_deal(rows: Rows, lead: str, arrived: datetime, times: Times) -> datetime | None:
    linked = {
        row["opportunity_id"] for row in rows["opportunity_contacts"] if row["lead_id"] == lead
    }
    dates = [
        deal["created_at"]
        for deal in rows["opportunities"]
        if (deal["opportunity_id"] in linked or deal["lead_id"] == lead)
        and deal["kind"] != "renewal"
        and arrived <= deal["created_at"] <= times.now
        and not _is_deleted(deal, times)
    ]
    return min(dates, default=None)
