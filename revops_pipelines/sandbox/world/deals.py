"""Deals: which companies consider buying, how each deal moved, and how it ended.

Belongs here: the deal records with every change of stage, amount, close date and owner. Does not:
the way a new-business deal is walked through (`deal_paths.py`).

A new-business deal that is won closes at its account's `wins_at`: billing starts from the same
moment. Renewals and expansions belong to accounts that pay already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from revops_pipelines.sandbox.world.company import Account, Person, User
from revops_pipelines.sandbox.world.deal_paths import (
    NEW_BUSINESS,
    RENEWALS,
    Pipeline,
    StageChange,
    walk,
)
from revops_pipelines.sandbox.world.people import Span
from revops_pipelines.sandbox.world.working_hours import WorkingHours

# Of companies that never pay, those that came as far as a deal.
CONSIDERED_SHARE = 0.60
# Of all deals.
DELETED_SHARE, ZERO_SHARE, UNPRICED_SHARE, MOVED_SHARE = 0.015, 0.02, 0.01, 0.02
REASSIGNED_SHARE, BACKDATED_SHARE = 0.06, 0.05
LOST_REASONS = ("Price", "No decision", "Competitor", "Timing", "Missing feature", "No budget")
# Yearly value in dollars by segment: (low, high).
VALUES = {"SMB": (1_800, 14_000), "MID": (12_000, 70_000), "ENT": (60_000, 300_000)}
PER_DOLLAR = {"USD": 1, "EUR": 0.92, "GBP": 0.79, "JPY": 150}
DEAL_IDS_FROM, DEAL_ID_STEP = 31_500_000_000, 29


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal and all that changed of it, oldest first; the first entry is as it was created.

    `kind` is new, expansion or renewal. `amounts` are in `currency`; None is a deal without a
    price. `close_dates` are expectations while open. `people` are person indices, the primary
    contact first. `closed_at` is when it last came to a closed stage, null while it never ends.
    """

    account_index: int
    people: tuple[int, ...]
    name: str
    kind: str
    currency: str
    created_at: datetime
    stages: tuple[StageChange, ...]
    amounts: tuple[tuple[datetime, Decimal | None], ...]
    close_dates: tuple[tuple[datetime, date], ...]
    owners: tuple[tuple[datetime, int], ...]
    lost_reason: str | None
    term_months: int
    deleted_at: datetime | None
    hubspot_id: str

    def stages_at(self, now: datetime) -> list[StageChange]:
        """The changes of stage that had happened."""
        return [change for change in self.stages if change.at <= now]

    def amount_at(self, now: datetime) -> Decimal | None:
        """The amount as it was then."""
        return [amount for at, amount in self.amounts if at <= now][-1]


class DealDesk:
    """What making a deal needs to know; one for the whole world."""

    def __init__(
        self,
        seed: int,
        span: Span,
        people: Sequence[Person],
        users: Sequence[User],
        hours: Mapping[str, WorkingHours],
    ) -> None:
        self.random = Random(f"{seed}:deals")
        self.span = span
        self.hours = hours
        self._teams: dict[str, list[User]] = {}
        for user in users:
            self._teams.setdefault(user.team, []).append(user)
        self._people: dict[int, list[Person]] = {}
        for person in people:
            wanted = person.excluded_reason in (None, "imported") and person.deleted_at is None
            if person.account_index is not None and wanted:
                self._people.setdefault(person.account_index, []).append(person)

    def buyers(self, account: Account, by: datetime) -> tuple[int, ...]:
        """People of the company who were known by then, the first one first."""
        known = [
            person.index
            for person in self._people.get(account.index, ())
            if person.created_at <= by
        ]
        return tuple(known[:4])

    def seller(self, team: str, at: datetime) -> int:
        """Somebody of the team who is at work."""
        present = [user for user in self._teams[team] if user.at_work(at)]
        return self.random.choice(present).index

    def heir(self, team: str, owner: int, at: datetime) -> int:
        """Another one of the team, where there is one."""
        present = [user.index for user in self._teams[team] if user.at_work(at)]
        others = [index for index in present if index != owner]
        return self.random.choice(others or present)

    def left_at(self, team: str, owner: int) -> datetime | None:
        """When the owner left, if ever."""
        return next(user.left_at for user in self._teams[team] if user.index == owner)


def simulate_deals(desk: DealDesk, accounts: Sequence[Account]) -> tuple[Deal, ...]:
    """All deals in order of creation; ids rise with it."""
    drafts: list[Deal] = []
    for account in accounts:
        drafts.extend(_new_business(desk, account))
        drafts.extend(_later_business(desk, account))
    drafts.sort(key=lambda deal: deal.created_at)
    return tuple(
        replace(deal, hubspot_id=str(DEAL_IDS_FROM + position * DEAL_ID_STEP))
        for position, deal in enumerate(drafts)
    )


def _new_business(desk: DealDesk, account: Account) -> list[Deal]:
    random, end = desk.random, desk.span.end
    if account.path == "sales" and account.wins_at is not None:
        span = account.wins_at - account.created_at
        created = account.created_at + span * min(0.5, random.uniform(0.02, 0.4))
        return [_deal(desk, account, "new", created, account.wins_at, "won")]
    if account.path != "none" or random.random() > CONSIDERED_SHARE:
        return []
    created = account.created_at + timedelta(days=random.expovariate(1 / 9))
    closes = desk.hours[account.team].later(created, 3_600 * 8 * (2 + random.lognormvariate(3, 1)))
    if created >= end:
        return []
    # A few are never closed by anybody: they stay open for ever.
    ends = "open" if random.random() < 0.05 else "lost"
    return [_deal(desk, account, "new", created, closes, ends)]


def _later_business(desk: DealDesk, account: Account) -> list[Deal]:
    random, end = desk.random, desk.span.end
    if account.wins_at is None or (account.path == "self_serve" and account.segment == "SMB"):
        return []
    deals = []
    due = account.wins_at + timedelta(days=365)
    while due - timedelta(days=75) < end:
        created = due - timedelta(days=random.uniform(40, 75))
        closes = due + timedelta(days=random.gauss(-4, 10))
        won = random.random() < 0.84
        if created < end:
            deals.append(_deal(desk, account, "renewal", created, closes, "won" if won else "lost"))
        if not won:
            break
        due += timedelta(days=365)
    for _ in range(int(random.expovariate(1.6))):
        created = account.wins_at + timedelta(days=random.uniform(40, 500))
        closes = created + timedelta(days=3 + random.lognormvariate(3, 0.7))
        won = random.random() < 0.55
        if created < end:
            deals.append(
                _deal(desk, account, "expansion", created, closes, "won" if won else "lost")
            )
    return deals


def _deal(
    desk: DealDesk, account: Account, kind: str, created: datetime, closes: datetime, ends: str
) -> Deal:
    random = desk.random
    hours = desk.hours[account.team]
    created = _to_the_milli(random, created)
    if ends != "won" or kind != "new":
        closes = hours.at(hours.worked(max(closes, created + timedelta(days=1))))
    closes = _to_the_milli(random, closes)
    pipeline: Pipeline = NEW_BUSINESS if kind == "new" else RENEWALS
    moved = random.random() < MOVED_SHARE
    stages = walk(random, pipeline, created, closes, ends, moved=moved)
    deleted = None
    if ends != "won" and random.random() < DELETED_SHARE:
        deleted = (created + timedelta(days=random.expovariate(1 / 60))).replace(microsecond=0)
    amounts = _amounts(desk, account, kind, stages)
    return Deal(
        account_index=account.index,
        people=desk.buyers(account, created),
        name=f"{account.name} - {'New business' if kind == 'new' else kind.title()}",
        kind=kind,
        currency=account.currency,
        created_at=created,
        stages=stages,
        amounts=amounts,
        close_dates=_close_dates(random, created, closes, stages),
        owners=_owners(desk, account, created, closes),
        lost_reason=random.choice(LOST_REASONS) if ends == "lost" else None,
        term_months=random.choice((12, 12, 12, 24, 36, 1)),
        deleted_at=deleted,
        hubspot_id="",
    )


def _amounts(
    desk: DealDesk, account: Account, kind: str, stages: Sequence[StageChange]
) -> tuple[tuple[datetime, Decimal | None], ...]:
    """The price named at first, then revised at some changes of stage."""
    random = desk.random
    fate = random.random()
    created = stages[0].at
    if fate < UNPRICED_SHARE:
        return ((created, None),)
    if fate < UNPRICED_SHARE + ZERO_SHARE:
        return ((created, Decimal("0.00")),)
    low, high = VALUES[account.segment]
    value = low * (high / low) ** random.random() * PER_DOLLAR[account.currency]
    value *= 0.3 if kind == "expansion" else 1
    amounts = [(created, _price(value, account.currency))]
    for change in stages[1:]:
        if random.random() < 0.22:
            value *= random.uniform(0.75, 1.2)
            amounts.append((change.at, _price(value, account.currency)))
    return tuple(amounts)


def _price(value: float, currency: str) -> Decimal:
    step = 1_000 if currency == "JPY" else 50
    return Decimal(max(step, round(value / step) * step)).quantize(Decimal("0.01"))


def _close_dates(
    random: Random, created: datetime, closes: datetime, stages: Sequence[StageChange]
) -> tuple[tuple[datetime, date], ...]:
    """Guesses that are pushed out, then the day it closed; a few are set back afterwards."""
    length = closes - created
    dates = [(created, (created + length * random.uniform(0.4, 1.2)).date())]
    for change in stages[1:]:
        if change.stage.is_closed:
            dates.append((change.at, change.at.date()))
        elif random.random() < 0.35:
            pushed = change.at + length * random.uniform(0.3, 0.9)
            dates.append((change.at, pushed.date()))
    last = stages[-1]
    if last.stage.is_closed and random.random() < BACKDATED_SHARE:
        dates.append((last.at + timedelta(hours=20), last.at.date() - timedelta(days=2)))
    return tuple(dates)


def _owners(
    desk: DealDesk, account: Account, created: datetime, closes: datetime
) -> tuple[tuple[datetime, int], ...]:
    random = desk.random
    owner = desk.seller(account.team, created)
    left = desk.left_at(account.team, owner)
    when: datetime | None = None
    if left is not None and created < left < closes:
        when = left + timedelta(days=1)
    elif random.random() < REASSIGNED_SHARE:
        when = created + (closes - created) * random.uniform(0.1, 0.8)
    if when is None:
        return ((created, owner),)
    return ((created, owner), (when.replace(microsecond=0), desk.heir(account.team, owner, when)))


def _to_the_milli(random: Random, moment: datetime) -> datetime:
    return moment.replace(microsecond=random.randrange(1_000) * 1_000)
