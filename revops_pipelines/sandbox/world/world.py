"""The whole simulated company, put together from its parts.

Belongs here: the order in which the parts are made and the record that holds them. Does not: any
part's own rules. Everything through anchor + horizon is made at once; the servers show what has
happened up to the sandbox clock's now.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from revops_pipelines.sandbox.world.activities import Activity, in_order
from revops_pipelines.sandbox.world.billing import Billing, simulate_billing
from revops_pipelines.sandbox.world.company import (
    Account,
    Contact,
    Person,
    User,
    simulate_accounts,
    simulate_users,
)
from revops_pipelines.sandbox.world.deal_work import DealWork
from revops_pipelines.sandbox.world.deals import Deal, DealDesk, simulate_deals
from revops_pipelines.sandbox.world.funnel import Funnel, simulate_funnels
from revops_pipelines.sandbox.world.fx import Fx
from revops_pipelines.sandbox.world.journeys import Journeys
from revops_pipelines.sandbox.world.marketing import simulate_marketing
from revops_pipelines.sandbox.world.marketing_shapes import Marketing
from revops_pipelines.sandbox.world.people import Span, simulate_people
from revops_pipelines.sandbox.world.working_hours import WorkingHours, working_hours


@dataclass(frozen=True, slots=True)
class World:
    """One simulated company; the same seed, anchor and scale give the same world."""

    seed: int
    anchor: date
    scale: float
    start: datetime
    anchor_at: datetime
    end: datetime
    fx: Fx
    users: tuple[User, ...]
    accounts: tuple[Account, ...]
    people: tuple[Person, ...]
    contacts: tuple[Contact, ...]
    deals: tuple[Deal, ...]
    funnels: tuple[Funnel, ...]
    activities: tuple[Activity, ...]
    billing: Billing
    marketing: Marketing


def build_world(
    seed: int,
    anchor: date,
    scale: float = 1,
    history_months: int = 24,
    horizon_days: int = 60,
) -> World:
    """Simulate from `history_months` before the anchor's month to `horizon_days` after it."""
    with _not_collecting():
        return _build(seed, anchor, scale, history_months, horizon_days)


@contextmanager
def _not_collecting() -> Iterator[None]:
    """Millions of objects are made and none dropped: looking for garbage doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _build(seed: int, anchor: date, scale: float, history_months: int, horizon_days: int) -> World:
    months = anchor.year * 12 + anchor.month - 1 - history_months
    start = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    anchor_at = datetime.combine(anchor, time(12), tzinfo=UTC)
    end = anchor_at + timedelta(days=horizon_days)
    span = Span(start, anchor_at, end, scale)
    fx = Fx(seed)
    users = simulate_users(seed, scale, start, end)
    accounts = simulate_accounts(seed, scale, start, anchor_at, end)
    people, contacts = simulate_people(seed, span, accounts, users)
    hours = working_hours(start, end)
    deals = simulate_deals(DealDesk(seed, span, people, users, hours), accounts)
    staff = _Staff(seed, span, users, hours, _records(people, contacts))
    activities = in_order([*_of_leads(staff, people), *_of_deals(staff, accounts, people, deals)])
    return World(
        seed=seed,
        anchor=anchor,
        scale=scale,
        start=start,
        anchor_at=anchor_at,
        end=end,
        fx=fx,
        users=users,
        accounts=accounts,
        people=people,
        contacts=contacts,
        deals=deals,
        funnels=simulate_funnels(seed, people, accounts, deals),
        activities=activities,
        billing=simulate_billing(seed, accounts, start, end, fx),
        marketing=simulate_marketing(seed, people, start, end),
    )


@dataclass(frozen=True, slots=True)
class _Staff:
    """What both makers of activities are given."""

    seed: int
    span: Span
    users: tuple[User, ...]
    hours: Mapping[str, WorkingHours]
    records: Mapping[int, Sequence[tuple[int, datetime]]]


def _records(
    people: Sequence[Person], contacts: Sequence[Contact]
) -> dict[int, list[tuple[int, datetime]]]:
    """Per person the positions of its contacts, oldest first, and when they were made."""
    records: dict[int, list[tuple[int, datetime]]] = {person.index: [] for person in people}
    for position, contact in enumerate(contacts):
        records[contact.person_index].append((position, contact.exists_from))
    return records


def _of_leads(staff: _Staff, people: Sequence[Person]) -> Iterator[Activity]:
    journeys = Journeys(staff.seed, staff.span, staff.users, staff.hours, staff.records)
    colleagues: dict[int, Person] = {}
    for person in people:
        company = person.account_index
        companion = colleagues.get(company) if company is not None else None
        yield from journeys.of(person, companion)
        if company is not None:
            colleagues.setdefault(company, person)


def _of_deals(
    staff: _Staff, accounts: Sequence[Account], people: Sequence[Person], deals: Sequence[Deal]
) -> Iterator[Activity]:
    work = DealWork(staff.seed, staff.span, staff.users, staff.hours, staff.records)
    for index, deal in enumerate(deals):
        yield from work.of_deal(deal, index, accounts[deal.account_index])
    buyers: dict[int, list[int]] = {}
    for person in people:
        if person.account_index is not None:
            buyers.setdefault(person.account_index, []).append(person.index)
    sellers = {user.team: user.index for user in reversed(staff.users) if user.left_at is None}
    for account in accounts:
        yield from work.of_customer(account, buyers.get(account.index, []), sellers[account.team])
