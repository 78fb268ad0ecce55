"""Marketing programs and what they cost.

Belongs here: which programs run when, and the money. Does not: people in them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple

from revops_pipelines.sandbox.world.marketing_shapes import Cost, Program


class Family(NamedTuple):
    """A kind of program that is run again and again; costs are the range of one month."""

    name: str
    kind: str
    channel: str
    every_months: int
    cheapest: int
    dearest: int
    feeds: tuple[str, ...]


FAMILIES = (
    Family("Paid Search", "default", "Online Advertising", 1, 6_000, 14_000, ("paid_search",)),
    Family("Paid Social", "default", "Online Advertising", 1, 3_000, 8_000, ("paid_social",)),
    Family("Display Retargeting", "default", "Online Advertising", 1, 900, 3_500, ()),
    Family("Webinar", "webinar", "Webinar", 1, 800, 2_500, ()),
    Family("Guide", "default", "Content", 1, 300, 2_200, ("organic_search",)),
    Family("Newsletter", "default", "Email Send", 1, 0, 0, ("email_marketing",)),
    Family("Partner Offer", "default", "Partner", 1, 500, 4_000, ("referral",)),
    Family("Customer Stories", "default", "Content", 1, 200, 900, ("organic_social",)),
    Family("Trade Show", "event", "Tradeshow", 3, 12_000, 48_000, ("event",)),
    Family("Nurture Track", "nurture", "Nurture", 6, 0, 0, ()),
)
WEBSITE = "Website"
# A tenth of the costs are entered six weeks late, when the invoice came.
LATE_SHARE = 0.1


def simulate_programs(seed: int, start: datetime, end: datetime) -> tuple[Program, ...]:
    """All programs from `start` to `end`, by id; the website's own forms are the first."""
    random = Random(f"{seed}:programs")
    began = int(start.timestamp())
    website = Program(
        1001, WEBSITE, WEBSITE, "default", "Web Request", began, began, int(end.timestamp()), ()
    )
    programs = [website]
    for number, month in enumerate(_months(start, end)):
        for family in FAMILIES:
            if number % family.every_months == 0:
                programs.append(_program(random, family, month, 1_002 + len(programs) * 3))
    return tuple(programs)


def _program(random: Random, family: Family, month: date, program_id: int) -> Program:
    first = datetime(month.year, month.month, 1, tzinfo=UTC)
    last = first + timedelta(days=30 * family.every_months)
    planned = first - timedelta(days=random.randrange(2, 20), seconds=random.randrange(86_400))
    return Program(
        program_id,
        f"{month:%Y-%m} {family.name}",
        family.name,
        family.kind,
        family.channel,
        int(planned.timestamp()),
        int(first.timestamp()),
        int(last.timestamp()),
        tuple(_costs(random, family, month)),
    )


def _costs(random: Random, family: Family, month: date) -> Iterator[Cost]:
    if not family.dearest:
        return
    total = random.randrange(family.cheapest, family.dearest)
    # Advertising is billed twice a month: two entries of one month must both count.
    parts = (total * 2 // 3, total - total * 2 // 3) if "Advert" in family.channel else (total,)
    for part, amount in enumerate(parts):
        days = 45 if random.random() < LATE_SHARE else 3 + 14 * part
        entered = datetime(month.year, month.month, 1, 9, tzinfo=UTC) + timedelta(days=days)
        yield Cost(month, amount, f"Invoice {part + 1}", int(entered.timestamp()))


class Calendar:
    """Which program a person meets: by acquisition channel or family, and by the moment."""

    def __init__(self, programs: tuple[Program, ...]) -> None:
        self.website = programs[0]
        self._family_of = {channel: family.name for family in FAMILIES for channel in family.feeds}
        self._by_family: dict[str, list[Program]] = {}
        for program in programs[1:]:
            self._by_family.setdefault(program.family, []).append(program)
        self._starts = {
            name: [program.starts_at for program in each] for name, each in self._by_family.items()
        }

    def of_channel(self, channel: str, moment: int) -> Program:
        """The program that brought somebody in; those who came directly met the website."""
        family = self._family_of.get(channel)
        return self.website if family is None else self.of_family(family, moment)

    def of_family(self, family: str, moment: int) -> Program:
        """The family's program that runs at a moment, or its first."""
        position = bisect_right(self._starts[family], moment) - 1
        return self._by_family[family][max(0, position)]


def _months(start: datetime, end: datetime) -> Iterator[date]:
    month = date(start.year, start.month, 1)
    while month < end.date():
        yield month
        month = (month + timedelta(days=32)).replace(day=1)
