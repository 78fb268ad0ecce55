"""How much of each mess of leads, activities and deals there is by now.

Belongs here: counts from the simulation's intentions. Does not: the rows they are counted in
(`truth_sales.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from revops_pipelines.sandbox.world.activities import Activity
from revops_pipelines.sandbox.world.company import Contact, Person
from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.people import archived_at, bulk_edited_at
from revops_pipelines.sandbox.world.truth_sales import (
    contacts_of,
    excluded,
    first_touches,
    last_shown,
    merged,
)
from revops_pipelines.sandbox.world.world import World


def count_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `counts.csv`: part, what, count."""
    counts: Counter[str] = Counter()
    counts["owners who left"] = sum(not user.at_work(now) for user in world.users)
    counts["companies"] = sum(account.created_at <= now for account in world.accounts)
    counts["companies archived"] = sum(
        account.is_deleted_at is not None and account.is_deleted_at <= now
        for account in world.accounts
    )
    touches = first_touches(world, now)
    for index, contacts in contacts_of(world, now).items():
        person = world.people[index]
        counts.update(_of_person(world, person, index in touches, now))
        for contact in contacts:
            counts.update(_of_contact(world, person, contact, now))
    for deal in world.deals:
        if deal.created_at <= now:
            counts.update(_of_deal(deal, now))
    for activity in world.activities:
        if activity.recorded_at <= now:
            counts.update(_of_activity(world, activity, now))
    in_deals = Counter(
        person for deal in world.deals if deal.created_at <= now for person in deal.people
    )
    counts["people in several deals"] = sum(times > 1 for times in in_deals.values())
    return [{"part": "sales", "what": what, "count": counts[what]} for what in sorted(counts)]


def _of_person(world: World, person: Person, answered: bool, now: datetime) -> Iterator[str]:
    yield "people"
    reason = excluded(person, now)
    if reason is not None:
        yield f"leads excluded as {reason}"
    if person.raised_at is None or person.raised_at > now:
        return
    yield "inbound leads"
    owner = person.owner_at(now)
    marks = {
        "inbound leads never answered": reason is None and not answered,
        "inbound leads never assigned": person.assigned_at is None,
        "inbound leads raised again": bool(
            person.raised_again_at and person.raised_again_at <= now
        ),
        "leads reassigned": any(at <= now for at, _ in person.reassigned),
        "leads of owners who left": owner is not None and not world.users[owner].at_work(now),
        "inbound leads raised at a weekend": person.raised_at.weekday() > 4,
    }
    yield from (what for what, holds in marks.items() if holds)


def _of_contact(world: World, person: Person, contact: Contact, now: datetime) -> Iterator[str]:
    yield "contacts"
    archived = archived_at(person, contact)
    edited = bulk_edited_at(world.anchor_at, contact)
    double = contact.kind in ("alias", "case")
    marks = {
        "contacts merged away": merged(contact, now),
        "contacts archived": archived is not None and archived <= now,
        f"duplicates unnoticed, {contact.kind}": double and not merged(contact, now),
        "contacts edited in one millisecond": edited is not None and edited <= now,
        "contacts imported in one second": contact.origin in ("import", "event_list"),
    }
    yield from (what for what, holds in marks.items() if holds)


def _of_deal(deal: Deal, now: datetime) -> Iterator[str]:
    yield "deals"
    yield f"deals, {deal.kind}"
    shown = last_shown(deal, now)
    changes = deal.stages_at(shown)
    ids = [change.stage.id for change in changes]
    orders = [change.pipeline.stages.index(change.stage) for change in changes]
    amount = deal.amount_at(shown)
    steps = list(pairwise(changes))
    marks = {
        "deals archived": shown is not now,
        "deals won": changes[-1].stage.is_won,
        "deals lost": changes[-1].stage.is_closed and not changes[-1].stage.is_won,
        "deals moved to another pipeline": len({change.pipeline.id for change in changes}) > 1,
        "deals reopened": any(before.stage.is_closed for before, _ in steps),
        "deals with a stage entered again": len(set(ids)) < len(ids),
        "deals gone back a stage": any(
            after < before and not changes[at].stage.is_closed
            for at, (before, after) in enumerate(pairwise(orders))
        ),
        "deals with a stage skipped": any(
            after.pipeline is before.pipeline
            and not after.stage.is_closed
            and orders[at + 1] > orders[at] + 1
            for at, (before, after) in enumerate(steps)
        ),
        "deals with a changed amount": sum(at <= shown for at, _ in deal.amounts) > 1,
        "deals with a changed close date": sum(at <= shown for at, _ in deal.close_dates) > 1,
        "deals of zero amount": amount is not None and amount == 0,
        "deals without an amount": amount is None,
        "deals without people": not deal.people,
        "deals reassigned": sum(at <= shown for at, _ in deal.owners) > 1,
    }
    yield from (what for what, holds in marks.items() if holds)


def _of_activity(world: World, activity: Activity, now: datetime) -> Iterator[str]:
    yield "activities"
    yield f"activities, {activity.kind}"
    if activity.kind == "email" and activity.by != "human":
        yield f"mails by {activity.by}"
    people = [world.contacts[contact].person_index for contact in activity.contacts]
    raised = [world.people[index].raised_at for index in people]
    marks = {
        "activities archived": activity.deleted_at is not None and activity.deleted_at <= now,
        "mails bounced": activity.outcome_at(now) == "bounced",
        "activities with several contacts": len(people) > 1,
        "activities before the lead was raised": any(
            moment is not None and activity.at < moment for moment in raised
        ),
        "meetings ahead": activity.kind == "meeting" and activity.at > now,
    }
    yield from (what for what, holds in marks.items() if holds)


TABLES = {"counts": count_rows}
