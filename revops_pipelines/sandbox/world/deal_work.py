"""Work on deals and with customers: mails, calls, meetings, notes and tasks.

Belongs here: what our people do once there is a deal or a customer. Does not: answering leads
(`journeys.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from revops_pipelines.sandbox.world.activities import Activity, to_the_milli
from revops_pipelines.sandbox.world.company import Account, User
from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.people import Span
from revops_pipelines.sandbox.world.working_hours import WorkingHours

WEIGHTS = {"email": 0.46, "call": 0.22, "meeting": 0.14, "note": 0.13, "task": 0.05}
CHECK_INS_A_MONTH = 0.75
REPLY_SHARE = 0.30


class DealWork:
    """The activities of deals and customers; one random stream for all."""

    def __init__(
        self,
        seed: int,
        span: Span,
        users: Sequence[User],
        hours: Mapping[str, WorkingHours],
        records: Mapping[int, Sequence[tuple[int, datetime]]],
    ) -> None:
        """`records`: per person, positions of its contacts and when they were made."""
        self.random = Random(f"{seed}:deal_work")
        self.span = span
        self.users = users
        self.hours = hours
        self.records = records

    def of_deal(self, deal: Deal, index: int, account: Account) -> Iterator[Activity]:
        """From the deal's creation to its end; some with several people of the company."""
        ends = min(deal.stages[-1].at, self.span.end)
        lasts_days = (ends - deal.created_at).total_seconds() / 86_400
        for _ in range(2 + min(22, int(lasts_days / 7 + self.random.expovariate(1 / 4)))):
            at = self.hours[account.team].between(self.random, deal.created_at, ends)
            owner = [user for since, user in deal.owners if since <= at or since == deal.created_at]
            yield from self._work(at, deal.people, index, owner[-1], deal.created_at)

    def of_customer(
        self, account: Account, people: Sequence[int], seller: int
    ) -> Iterator[Activity]:
        """Check-ins while the company pays; `seller` looks after it."""
        if account.wins_at is None or not people:
            return
        at = account.wins_at
        while True:
            at += timedelta(days=self.random.expovariate(CHECK_INS_A_MONTH / 30))
            if at >= self.span.end:
                return
            moment = self.hours[account.team].later(at, self.random.uniform(0, 20_000))
            if self.records[people[0]][0][1] <= account.wins_at:
                yield from self._work(moment, people[:1], None, seller, account.wins_at)

    def _work(
        self,
        at: datetime,
        people: Sequence[int],
        deal: int | None,
        owner: int,
        since: datetime,
    ) -> Iterator[Activity]:
        random = self.random
        at = at.replace(microsecond=random.randrange(1_000) * 1_000)
        kind = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        known = [person for person in people if self.records[person][0][1] <= at]
        several = kind in ("email", "meeting") and random.random() < 0.4
        chosen = known if several else known[:1]
        contacts = tuple(self.records[person][0][0] for person in chosen)
        if not self.users[owner].at_work(at):
            return
        if kind == "meeting":
            settled = "completed" if random.random() < 0.85 else "no_show"
            # Not before there was anybody to book it with.
            booked = to_the_milli(max(since, at - timedelta(hours=random.uniform(20, 120))))
            ends = at + timedelta(minutes=random.choice((28, 44, 58)))
            yield Activity(
                kind, at, booked, contacts, deal, owner, "human", "scheduled", ends, settled
            )
        elif kind == "task":
            due = at + timedelta(days=2)
            done = due - timedelta(minutes=random.randrange(60, 1_800))
            yield Activity(kind, due, at, contacts, deal, owner, "human", "open", done, "done")
        else:
            outcome = {"call": "connected", "email": "sent", "note": "written"}[kind]
            if kind == "call" and random.random() < 0.4:
                outcome = "no_answer"
            yield Activity(kind, at, at, contacts, deal, owner, "human", outcome)
            if kind == "email" and contacts and random.random() < REPLY_SHARE:
                back = at + timedelta(minutes=random.randrange(5, 2_000))
                yield Activity(kind, back, back, contacts[:1], deal, owner, "prospect", "received")
