"""What is true of marketing: leads in Marketo, what programs cost, and how much mess there is.

Belongs here: rows made from the simulation's own intentions. Does not: the CRM's leads
(`truth_sales.py`) or anything computed by our metrics.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from revops_pipelines.sandbox.world.marketing import RAISING_FORMS
from revops_pipelines.sandbox.world.marketing_shapes import (
    ACTIVITY_TYPES,
    FORM,
    Marketing,
    MarketoLead,
)

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)


def _past(seconds: int | None, now: int) -> datetime | None:
    return _moment(seconds) if seconds is not None and seconds <= now else None


def lead_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `marketo_leads.csv`: every lead that Marketo ever knew, and what became of it."""
    at = int(now.timestamp())
    marketing: Marketing = world.marketing
    filled = _first_raising_forms(marketing, at)
    return [
        {
            "marketo_lead_id": lead.lead_id,
            "person_index": lead.person_index,
            "email": str(lead.values[1]).lower(),
            "created_at": _moment(lead.created_at),
            "raising_form_at": _moment(filled.get(lead.lead_id)),
            "deleted_at": _past(lead.deleted_at, at),
            "merged_at": _past(lead.merged_at, at),
            "merged_into": lead.merged_into if _past(lead.merged_at, at) else None,
        }
        for lead in marketing.leads
        if lead.created_at <= at
    ]


def _first_raising_forms(marketing: Marketing, at: int) -> dict[int, int]:
    filled: dict[int, int] = {}
    for activity in marketing.activities:
        if activity.at > at:
            break
        name = str(activity.value).rsplit(".", 1)[-1]
        if activity.type_id == FORM and name in RAISING_FORMS:
            filled.setdefault(activity.lead_id, activity.at)
    return filled


def spend_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `marketing_spend.csv`: program, month and what was entered for it, in USD."""
    at = int(now.timestamp())
    marketing: Marketing = world.marketing
    rows = []
    for program in marketing.programs:
        spent: dict[date, int] = {}
        for cost in program.costs:
            if cost.seen_at <= at:
                spent[cost.month] = spent.get(cost.month, 0) + cost.amount
        for month, amount in spent.items():
            rows.append(
                {
                    "program_id": program.program_id,
                    "program": program.name,
                    "channel": program.channel,
                    "month": month,
                    "amount": amount,
                }
            )
    return rows


def count_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `counts.csv`: marketing's mess, in known amounts."""
    at = int(now.timestamp())
    marketing: Marketing = world.marketing
    seen = [activity for activity in marketing.activities if activity.seen_at <= at]
    kinds = Counter(activity.type_id for activity in seen)
    known = [lead for lead in marketing.leads if lead.created_at <= at]
    counts = {
        "leads": sum(lead.is_there(at) for lead in known),
        "leads deleted": sum(_past(lead.deleted_at, at) is not None for lead in known),
        "leads merged away": sum(_past(lead.merged_at, at) is not None for lead in known),
        "leads twice": _twice(known, at),
        "activities": len(seen),
        "activities shown late": sum(each.seen_at > each.at for each in seen),
        "clicks by bots": sum(each.guid in marketing.bot_guids for each in seen),
        "programs": sum(each.created_at <= at for each in marketing.programs),
    }
    counts |= {f"activities: {each.name}": kinds[each.type_id] for each in ACTIVITY_TYPES}
    return [{"part": "marketing", "what": what, "count": n} for what, n in counts.items()]


def _twice(leads: list[MarketoLead], at: int) -> int:
    """People with two living leads, whom nobody merged yet."""
    living = Counter(lead.person_index for lead in leads if lead.is_there(at))
    return sum(count > 1 for count in living.values())


# What `sandbox.truth` writes, by table.
TABLES = {"marketo_leads": lead_rows, "marketing_spend": spend_rows, "counts": count_rows}
