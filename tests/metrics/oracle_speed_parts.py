"""What speed_parts should say of a random company, told lead by lead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from oracle_leads import (
    LEAD_DIMENSIONS,
    TOUCHES,
    Rows,
    Values,
    _is_deleted,
    _lead,
    responses,
    worked,
)
from oracle_rollup import Fact, Measured, Times, exactly, published, quantile

MINUTE = timedelta(minutes=1)


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    people = {user["user_id"]: user for user in rows["users"]}
    companies = {account["account_id"]: account for account in rows["accounts"]}
    told = {lead["lead_id"]: _lead(lead, people, companies, times) for lead in rows["leads"]}
    clocks = parts(rows, times)
    days = times.settings.pipeline.contact_days
    values: Values = {}
    for name, since, until, clock in (
        ("speed_parts", "raised", "contacted", "business"),
        ("speed_parts_routing", "raised", "routed", "calendar"),
        ("speed_parts_reaction", "routed", "attempted", "business"),
        ("speed_parts_contact", "attempted", "contacted", "business"),
    ):
        facts = []
        for lead, stops in clocks.items():
            if stops[since] is None:
                continue
            end = stops[until] or times.now
            team = told[lead]["dimensions"]["team"]
            minutes = (
                exactly(end - stops[since], MINUTE)
                if clock == "calendar"
                else worked(stops[since], end, team, times)
            )
            day = times.day(stops["raised"])
            weighs = {"lasted": minutes, "is_over": stops[until] is not None}
            facts.append(Fact(day, told[lead]["dimensions"], told[lead]["reason"], weighs))
        for suffix, share in (("", Fraction(1, 2)), ("_p90", Fraction(9, 10))):

            def measure(group: Any, share: Fraction = share) -> Measured:
                lives = [(row["lasted"], row["is_over"]) for row in group]
                return Measured(None, None, quantile(lives, share), len(group))

            values[name + suffix] = published(
                facts,
                times,
                measure,
                LEAD_DIMENSIONS,
                grains=("month", "quarter"),
                broken_down=("month",),
                mature_after=days,
            )
    return values


def parts(rows: Rows, times: Times) -> dict[str, dict[str, Any]]:
    """Lead -> when it was raised, routed, attempted and contacted; None where it was not yet."""
    by_lead: dict[str, list[Mapping[str, Any]]] = {}
    for activity in rows["activities"]:
        by_lead.setdefault(activity["lead_id"], []).append(activity)
    leads = {lead["lead_id"]: lead for lead in rows["leads"]}
    found = {}
    for name, response in responses(rows, times).items():
        lead = leads[name]
        touch = response["touch"][0] if response["touch"] else None
        spoken = [
            each["occurred_at"]
            for each in by_lead.get(name, [])
            if _is_conversation(each, lead["raised_at"], touch, times)
        ]
        contacted = min(spoken, default=None)
        tried = [at for at in (touch, contacted) if at is not None]
        owned = lead["assigned_at"]
        if owned is not None:
            owned = None if owned > times.now else max(owned, lead["raised_at"])
        routed = [at for at in (owned, *tried) if at is not None]
        found[name] = {
            "raised": lead["raised_at"],
            "routed": min(routed, default=None),
            "attempted": min(tried, default=None),
            "contacted": contacted,
        }
    return found


def _is_conversation(activity: Mapping[str, Any], raised: Any, touch: Any, times: Times) -> bool:
    at = activity["occurred_at"]
    return bool(
        activity["is_two_way"]
        and activity["kind"] in TOUCHES
        and (activity["outcome"] or "").lower() not in ("bounced", "voicemail")
        and raised <= at <= times.now
        and (activity["is_human"] or (touch is not None and at >= touch))
        and not _is_deleted(activity, times)
    )
