"""What is true of leads and deals, from what the simulation meant to happen.

Belongs here: one row per person, deal and stay in a stage, as of a moment. Does not: counts of each
mess (`truth_sales_counts.py`), or anything that looks at what a vendor's API shows.

The rules: a lead's first touch is the earliest activity of one of our people towards that person,
by any of the person's contacts, at or after the hand was raised; see `Activity.touches` for what
counts, and `Activity.both_spoke` for a conversation. People exist from their first contact on. A
deal shows nothing that happened after it was deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from revops_pipelines.sandbox.world.activities import Activity, activity_id
from revops_pipelines.sandbox.world.company import Contact, Person
from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.people import NOTICED_AFTER, archived_at
from revops_pipelines.sandbox.world.world import World

Touch = tuple[datetime, int]


def first_touches(world: World, now: datetime) -> dict[int, Touch]:
    """Per person who raised a hand: when it was first answered, and by which activity."""
    return _first(world, now, lambda activity: activity.touches(now))


def first_conversations(world: World, now: datetime) -> dict[int, Touch]:
    """Per person who raised a hand: when both sides first spoke since, and in which activity."""
    return _first(world, now, lambda activity: activity.both_spoke(now))


def _first(world: World, now: datetime, counts: Callable[[Activity], bool]) -> dict[int, Touch]:
    first: dict[int, Touch] = {}
    for position, activity in enumerate(world.activities):
        if activity.recorded_at > now:
            break
        if not counts(activity):
            continue
        for index in {world.contacts[contact].person_index for contact in activity.contacts}:
            raised = world.people[index].raised_at
            if raised is None or activity.at < raised:
                continue
            touch = (activity.at, position)
            if index not in first or touch < first[index]:
                first[index] = touch
    return first


def contacts_of(world: World, now: datetime) -> dict[int, list[Contact]]:
    """Per person the contacts that had come to be, oldest first."""
    contacts: dict[int, list[Contact]] = {}
    for contact in world.contacts:
        if contact.exists_from <= now:
            contacts.setdefault(contact.person_index, []).append(contact)
    return contacts


def merged(contact: Contact, now: datetime) -> bool:
    """Was it merged away by then?"""
    return contact.merged_at is not None and contact.merged_at <= now


def excluded(person: Person, now: datetime) -> str | None:
    """Why the lead does not count, as far as anybody could know then."""
    slow = person.excluded_reason in ("spam", "invalid_email")
    if slow and person.created_at + NOTICED_AFTER > now:
        return None
    if person.origin == "import" and (person.raised_at is None or person.raised_at > now):
        return "imported"
    return person.excluded_reason


def lead_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `leads.csv`: one per person known by then, deleted ones included."""
    touches, conversations = first_touches(world, now), first_conversations(world, now)
    rows = []
    for index, contacts in sorted(contacts_of(world, now).items()):
        person = world.people[index]
        standing = [contact for contact in contacts if not merged(contact, now)]
        main = next(each for each in standing if each.kind in ("primary", "former"))
        rows.append(
            {
                **_identity(person, main, contacts, now),
                **_response(world, person, touches.get(index), now),
                "first_two_way_at": conversations[index][0] if index in conversations else None,
                "qualified_at": _qualified(world, person, now),
            }
        )
    return rows


def _identity(
    person: Person, main: Contact, contacts: Sequence[Contact], now: datetime
) -> dict[str, Any]:
    deleted = archived_at(person, main)
    doubles = [each for each in contacts if each is not main and not merged(each, now)]
    return {
        "person_index": person.index,
        "hubspot_contact_id": main.hubspot_id,
        "marketo_lead_id": person.marketo_id,
        "email": person.email,
        "merged_hubspot_ids": [each.hubspot_id for each in contacts if merged(each, now)],
        "duplicates_hubspot_ids": [each.hubspot_id for each in doubles],
        "deleted_at": deleted if deleted and deleted <= now else None,
    }


def _response(world: World, person: Person, touch: Touch | None, now: datetime) -> dict[str, Any]:
    raised = person.raised_at if person.raised_at and person.raised_at <= now else None
    owner = person.owner_at(now)
    assigned = person.assigned_at if person.assigned_at and person.assigned_at <= now else None
    touched_by = None
    if touch is not None:
        touched_by = f"{world.activities[touch[1]].kind}:{activity_id(touch[1])}"
    return {
        "is_inbound": raised is not None,
        "raised_at": raised,
        "first_touch_at": touch[0] if touch else None,
        "first_touch_hubspot_id": touched_by,
        "excluded_reason": excluded(person, now),
        "assigned_at": assigned,
        "owner_hubspot_id": world.users[owner].hubspot_id if owner is not None else None,
        "team": world.users[owner].team if owner is not None else None,
    }


def _qualified(world: World, person: Person, now: datetime) -> datetime | None:
    """When sales first took the person on, at the latest with a deal or as a customer."""
    funnel = world.funnels[person.index]
    reached = (funnel.sales_qualified_at, funnel.opportunity_at, funnel.customer_at)
    return min((at for at in reached if at is not None and at <= now), default=None)


def last_shown(deal: Deal, now: datetime) -> datetime:
    """Up to when the deal's changes can be seen: now, or until it was deleted."""
    if deal.deleted_at is not None and deal.deleted_at <= now:
        return deal.deleted_at - timedelta(milliseconds=1)
    return now


def deal_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `deals.csv`: one per deal created by then, deleted ones included."""
    return [_deal_row(world, deal, now) for deal in world.deals if deal.created_at <= now]


def _deal_row(world: World, deal: Deal, now: datetime) -> dict[str, Any]:
    shown = last_shown(deal, now)
    last = deal.stages_at(shown)[-1]
    owner = [user for at, user in deal.owners if at <= shown][-1]
    return {
        "deal_id": deal.hubspot_id,
        "pipeline": last.pipeline.id,
        "stage": last.stage.id,
        "is_won": last.stage.is_won,
        "is_closed": last.stage.is_closed,
        "closed_at": last.at if last.stage.is_closed else None,
        "amount": deal.amount_at(shown),
        "currency": deal.currency,
        "created_at": deal.created_at,
        "close_on": [day for at, day in deal.close_dates if at <= shown][-1],
        "kind": deal.kind,
        "owner_hubspot_id": world.users[owner].hubspot_id,
        "account_hubspot_id": world.accounts[deal.account_index].hubspot_id,
        "deleted_at": deal.deleted_at if shown is not now else None,
    }


def stage_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `deal_stages.csv`: every stay of a deal in a stage; `left_at` null while there."""
    return [
        row
        for deal in world.deals
        if deal.created_at <= now
        for row in _stays(deal, last_shown(deal, now))
    ]


def _stays(deal: Deal, shown: datetime) -> Iterator[dict[str, Any]]:
    changes = deal.stages_at(shown)
    for position, change in enumerate(changes):
        later = changes[position + 1] if position + 1 < len(changes) else None
        yield {
            "deal_id": deal.hubspot_id,
            "pipeline": change.pipeline.id,
            "stage": change.stage.id,
            "entered_at": change.at,
            "left_at": later.at if later else None,
            "amount": deal.amount_at(change.at),
            "is_closed": change.stage.is_closed,
            "is_won": change.stage.is_won,
        }


def deal_contact_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `deal_contacts.csv`: people of each deal, by the contact that stands for them."""
    standing = {
        index: next(
            each.hubspot_id
            for each in contacts
            if each.kind in ("primary", "former") and not merged(each, now)
        )
        for index, contacts in contacts_of(world, now).items()
    }
    return [
        {
            "deal_id": deal.hubspot_id,
            "person_index": index,
            "hubspot_contact_id": standing[index],
            "deleted_at": deal.deleted_at if last_shown(deal, now) is not now else None,
        }
        for deal in world.deals
        if deal.created_at <= now
        for index in deal.people
    ]


TABLES = {
    "leads": lead_rows,
    "deals": deal_rows,
    "deal_stages": stage_rows,
    "deal_contacts": deal_contact_rows,
}
