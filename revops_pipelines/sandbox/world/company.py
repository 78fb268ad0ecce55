"""Who there is: companies that may buy, our own people, and the shape of a lead.

Belongs here: the frozen records that every other part of the world refers to by index, and the
making of accounts and users. Does not: people (`people.py`), what they do (`activities.py`,
`deals.py`, `billing.py`, `marketing.py`), or how any vendor shows it.

How an account came to pay (`path`) decides what else exists of it:
`legacy` were customers before the CRM was introduced, imported on its first day, without a deal;
`self_serve` signed up in the product, without a deal; `sales` won through a new-business deal
that closes at `wins_at`; `none` never pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from revops_pipelines.sandbox.world.names import (
    COMPANY_FIRST,
    COMPANY_SECOND,
    FIRST_NAMES,
    LAST_NAMES,
)

# At scale 1. 800 accounts pay sooner or later before the anchor; the rest only ever look.
LEGACY_ACCOUNTS, SELF_SERVE_ACCOUNTS, SALES_ACCOUNTS, OTHER_ACCOUNTS = 180, 270, 350, 1_900
OUR_DOMAIN = "northbeam.example"


@dataclass(frozen=True, slots=True)
class Team:
    """A sales team: the calendar its people keep and the countries it sells to."""

    hubspot_id: str
    name: str
    time_zone: str
    holidays: str
    share: float


TEAMS = (
    Team("41001", "Americas", "America/New_York", "US", 0.42),
    Team("41002", "West", "America/Los_Angeles", "US", 0.16),
    Team("41003", "UK and Ireland", "Europe/London", "GB", 0.16),
    Team("41004", "Continental Europe", "Europe/Berlin", "DE", 0.16),
    Team("41005", "Asia Pacific", "Asia/Tokyo", "JP", 0.10),
)

# country: (time zone, currency, team name, weight)
COUNTRIES: dict[str, tuple[str, str, str, float]] = {
    "US": ("America/Chicago", "USD", "Americas", 0.40),
    "CA": ("America/Toronto", "USD", "Americas", 0.05),
    "BR": ("America/Sao_Paulo", "USD", "Americas", 0.03),
    "MX": ("America/Mexico_City", "USD", "West", 0.02),
    "GB": ("Europe/London", "GBP", "UK and Ireland", 0.14),
    "IE": ("Europe/Dublin", "EUR", "UK and Ireland", 0.02),
    "DE": ("Europe/Berlin", "EUR", "Continental Europe", 0.10),
    "FR": ("Europe/Paris", "EUR", "Continental Europe", 0.05),
    "NL": ("Europe/Amsterdam", "EUR", "Continental Europe", 0.04),
    "ES": ("Europe/Madrid", "EUR", "Continental Europe", 0.03),
    "JP": ("Asia/Tokyo", "JPY", "Asia Pacific", 0.05),
    "AU": ("Australia/Sydney", "USD", "Asia Pacific", 0.04),
    "IN": ("Asia/Kolkata", "USD", "Asia Pacific", 0.03),
}

# HubSpot's own spelling of the standard `industry` values.
INDUSTRIES = (
    "COMPUTER_SOFTWARE",
    "FINANCIAL_SERVICES",
    "HOSPITAL_HEALTH_CARE",
    "TELECOMMUNICATIONS",
    "RETAIL",
    "LOGISTICS_AND_SUPPLY_CHAIN",
    "EDUCATION_MANAGEMENT",
    "MACHINERY",
    "MARKETING_AND_ADVERTISING",
    "REAL_ESTATE",
)

# segment: (share, fewest employees, most employees)
SEGMENTS = {"SMB": (0.62, 4, 99), "MID": (0.28, 100, 999), "ENT": (0.10, 1_000, 24_000)}


@dataclass(frozen=True, slots=True)
class Account:
    """A company. `wins_at`: when it starts to pay, null for those who never do."""

    index: int
    name: str
    domain: str
    industry: str
    employees: int
    segment: str
    country: str
    time_zone: str
    currency: str
    team: str
    path: str
    created_at: datetime
    wins_at: datetime | None
    hubspot_id: str
    is_deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """One of our own people; `hubspot_id` is the owner id, `left_at` when it was archived."""

    index: int
    name: str
    email: str
    team: str
    time_zone: str
    country: str
    hubspot_id: str
    left_at: datetime | None

    def at_work(self, moment: datetime) -> bool:
        """True while the person had not left."""
        return self.left_at is None or moment < self.left_at


@dataclass(frozen=True, slots=True)
class Person:
    """A real person who may buy.

    `origin` is how we came to know them: form, chat, meeting_link, event_list, import, manual or
    prospecting. `raised_at` is when they first raised a hand, null for those who never did;
    `raised_again_at` a second time. `excluded_reason` as in the `leads` contract. `owner_index`
    owns the lead from `assigned_at` on, then those in `reassigned` (when, user). `hubspot_id` is
    the contact that survives all merges; every contact of the person is in `World.contacts`.
    """

    index: int
    account_index: int | None
    first_name: str
    last_name: str
    email: str
    title: str
    country: str
    team: str
    channel: str
    origin: str
    created_at: datetime
    raised_at: datetime | None
    raised_again_at: datetime | None
    excluded_reason: str | None
    owner_index: int | None
    assigned_at: datetime | None
    reassigned: tuple[tuple[datetime, int], ...]
    hubspot_id: str
    marketo_id: str | None
    deleted_at: datetime | None

    @property
    def is_inbound(self) -> bool:
        """The person raised a hand."""
        return self.raised_at is not None

    def owner_at(self, moment: datetime) -> int | None:
        """Index of the user who owns the lead then."""
        if self.assigned_at is None or moment < self.assigned_at:
            return None
        owner = self.owner_index
        for when, user in self.reassigned:
            if when <= moment:
                owner = user
        return owner


@dataclass(frozen=True, slots=True)
class Contact:
    """One CRM record of a person; most people have one.

    `kind` is primary (the one that survives), former (was primary until a merge made a new
    record), alias (a plus-tagged address of the same mailbox) or case (written by an integration
    without `email`, its `work_email` in other case). `created_at` is the create date it shows,
    `exists_from` when the record itself appeared. `merged_at` is when it was merged into the
    primary one; null where nobody noticed, or it is the primary.
    """

    person_index: int
    kind: str
    email: str
    origin: str
    created_at: datetime
    exists_from: datetime
    raised_at: datetime | None
    merged_at: datetime | None
    hubspot_id: str


def simulate_users(seed: int, scale: float, start: datetime, end: datetime) -> tuple[User, ...]:
    """Our sales people, at least two a team; about one in six leaves on the way.

    The number grows with the square root of the company's size. The first of each team stays.
    """
    random = Random(f"{seed}:users")
    total = max(2 * len(TEAMS), round(26 * scale**0.5))
    users: list[User] = []
    for team in TEAMS:
        for position in range(max(2, round(total * team.share))):
            first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
            leaves = position > 0 and (position == 1 or random.random() < 0.12)
            left_at = _between(random, start + (end - start) / 4, end) if leaves else None
            index = len(users)
            email = f"{first}.{last}{index}@{OUR_DOMAIN}".lower()
            owner = str(70_100_000 + index * 1_013)
            user = User(
                index,
                f"{first} {last}",
                email,
                team.name,
                team.time_zone,
                team.holidays,
                owner,
                left_at,
            )
            users.append(user)
    return tuple(users)


def simulate_accounts(
    seed: int, scale: float, start: datetime, anchor: datetime, end: datetime
) -> tuple[Account, ...]:
    """Companies in order of creation; counts at scale 1 are the constants above.

    Those who win after the anchor continue the same rate through the horizon.
    """
    random = Random(f"{seed}:accounts")
    grown = (end - start) / (anchor - start)
    wanted = (
        ("legacy", LEGACY_ACCOUNTS * scale),
        ("self_serve", SELF_SERVE_ACCOUNTS * scale * grown),
        ("sales", SALES_ACCOUNTS * scale * grown),
        ("none", OTHER_ACCOUNTS * scale * grown),
    )
    drafts: list[tuple[datetime, datetime | None, str]] = []
    for path, count in wanted:
        drafts.extend((*_life(random, path, start, end), path) for _ in range(max(4, round(count))))
    drafts.sort(key=lambda draft: draft[0])
    return tuple(_account(random, index, draft, end) for index, draft in enumerate(drafts))


def _life(
    random: Random, path: str, start: datetime, end: datetime
) -> tuple[datetime, datetime | None]:
    """When an account was created and when it wins, by its path."""
    if path == "legacy":
        return start, start + timedelta(seconds=random.randrange(3_600, 28 * 86_400))
    if path == "none":
        return growing(random, start, end), None
    wins_at = growing(random, start + timedelta(days=3), end)
    if path == "self_serve":
        before = timedelta(seconds=random.randrange(600, 10 * 86_400))
        return max(start + timedelta(hours=1), wins_at - before), wins_at
    cycle = timedelta(seconds=int(86_400 * min(160.0, 2 + random.lognormvariate(3.5, 0.6))))
    return max(start + timedelta(hours=1), wins_at - cycle), _at_work(random, wins_at)


def _at_work(random: Random, moment: datetime) -> datetime:
    """The same week, on a working day at an hour when contracts are signed."""
    if moment.weekday() > 4:
        moment += timedelta(days=7 - moment.weekday())
    return moment.replace(hour=random.randrange(14, 22))


def _account(
    random: Random, index: int, draft: tuple[datetime, datetime | None, str], end: datetime
) -> Account:
    created_at, wins_at, path = draft
    country = pick(random, {code: facts[3] for code, facts in COUNTRIES.items()})
    time_zone, currency, team, _ = COUNTRIES[country]
    if path == "self_serve" and random.random() < 0.8:
        segment = "SMB"
    else:
        segment = pick(random, {name: facts[0] for name, facts in SEGMENTS.items()})
    _, fewest, most = SEGMENTS[segment]
    employees = int(fewest * (most / fewest) ** random.random())
    first, second = random.choice(COMPANY_FIRST), random.choice(COMPANY_SECOND)
    deleted = path == "none" and random.random() < 0.02
    return Account(
        index=index,
        name=f"{first} {second}",
        # Names repeat at larger scales, as in life; domains do not.
        domain=f"{first}{second}{index}.example".lower(),
        industry=random.choice(INDUSTRIES),
        employees=employees,
        segment=segment,
        country=country,
        time_zone=time_zone,
        currency=currency,
        team=team,
        path=path,
        created_at=created_at,
        wins_at=wins_at,
        hubspot_id=str(8_100_000_000 + index * 19),
        is_deleted_at=_between(random, created_at, end) if deleted else None,
    )


def pick(random: Random, weights: dict[str, float]) -> str:
    """One key, by weight; the weights sum to about one."""
    point = random.random() * sum(weights.values())
    for name, weight in weights.items():
        point -= weight
        if point < 0:
            return name
    return next(reversed(weights))


def growing(random: Random, start: datetime, end: datetime) -> datetime:
    """A moment between, the density rising to about twice its first value; whole seconds."""
    share: float = ((1 + 3 * random.random()) ** 0.5) - 1
    return (start + (end - start) * share).replace(microsecond=0)


def _between(random: Random, start: datetime, end: datetime) -> datetime:
    return (start + (end - start) * random.random()).replace(microsecond=0)
