"""The people who may buy, and the CRM contacts that stand for them.

Belongs here: who comes when, how, owned by whom, and the doubles, merges and deletions of their
contacts. Does not: what happens to a lead afterwards (`journeys.py`, `deals.py`).

Shares below are of all people unless said otherwise; `truth_sales.counts` tells what came of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from revops_pipelines.sandbox.world.company import (
    COUNTRIES,
    OUR_DOMAIN,
    Account,
    Contact,
    Person,
    User,
    growing,
    pick,
)
from revops_pipelines.sandbox.world.names import (
    FIRST_NAMES,
    FREE_MAIL_DOMAINS,
    JOB_TITLES,
    LAST_NAMES,
)

# People without a company, at scale 1, from the start to the anchor.
LONERS = {
    "individual": 560,
    "event_list": 150,
    "spam": 120,
    "invalid_email": 70,
    "test": 60,
    "internal": 30,
}
CHANNELS = {
    "organic_search": 0.28,
    "paid_search": 0.18,
    "direct": 0.16,
    "referral": 0.12,
    "paid_social": 0.10,
    "email_marketing": 0.09,
    "organic_social": 0.07,
}
INBOUND_ORIGINS = {"form": 0.75, "meeting_link": 0.13, "chat": 0.12}
RAISED_AGAIN_SHARE = 0.12
NEVER_ASSIGNED_SHARE = 0.03
REASSIGNED_SHARE = 0.05
DELETED_SHARE = 0.01
# Of people with a good address: those who have a second contact, and of these the merged.
DOUBLE_SHARE, MERGED_OF_DOUBLE = 0.055, 0.60
# HubSpot's change of 2025: developers.hubspot.com/changelog, "Updated merge functionality".
MERGE_MAKES_NEW_RECORD = datetime(2025, 1, 14, tzinfo=UTC)
EVENT_LISTS = 6
# A bad address and spam are noticed by machines, a moment after the record was made.
NOTICED_AFTER = timedelta(minutes=1)
# Once, one in three contacts was edited in bulk: all changed in the same millisecond.
BULK_EDIT_BEFORE_ANCHOR, BULK_EDITED_EVERY = timedelta(days=100, hours=3), 3
CONTACT_IDS_FROM, CONTACT_ID_STEP = 48_000_000_000, 13


@dataclass(frozen=True, slots=True)
class Span:
    """What the simulation covers, and how much of it lies beyond the anchor."""

    start: datetime
    anchor: datetime
    end: datetime
    scale: float

    @property
    def grown(self) -> float:
        """Length through the end, by the length until the anchor."""
        return (self.end - self.start) / (self.anchor - self.start)


def simulate_people(
    seed: int, span: Span, accounts: Sequence[Account], users: Sequence[User]
) -> tuple[tuple[Person, ...], tuple[Contact, ...]]:
    """People and contacts, each in order of creation; contact ids rise with it."""
    random = Random(f"{seed}:people")
    drafts: list[Person] = []
    for account in accounts:
        drafts.extend(_of_account(random, account, span))
    drafts.extend(_loners(random, span))
    drafts = [person for person in drafts if person.created_at < span.end]
    drafts.sort(key=lambda person: person.created_at)
    teams: dict[str, list[User]] = {}
    for user in users:
        teams.setdefault(user.team, []).append(user)
    people = [
        _owned(random, replace(person, index=index), teams[person.team], span)
        for index, person in enumerate(drafts)
    ]
    contacts = _contacts(Random(f"{seed}:contacts"), people, span.end)
    primary = {
        contact.person_index: contact.hubspot_id
        for contact in contacts
        if contact.kind == "primary"
    }
    return (
        tuple(replace(person, hubspot_id=primary[person.index]) for person in people),
        tuple(contacts),
    )


def bulk_edited_at(anchor: datetime, contact: Contact) -> datetime | None:
    """When the bulk edit changed the contact; null where it did not."""
    edited = anchor - BULK_EDIT_BEFORE_ANCHOR
    chosen = contact.person_index % BULK_EDITED_EVERY == 0 and contact.exists_from < edited
    return edited if chosen else None


def archived_at(person: Person, contact: Contact) -> datetime | None:
    """When the contact was put into the archive with its person; null where it was not."""
    if person.deleted_at is None or contact.merged_at is not None:
        return None
    return max(person.deleted_at, contact.exists_from + timedelta(minutes=5))


def _of_account(random: Random, account: Account, span: Span) -> list[Person]:
    if account.path == "legacy":
        return [_legacy(random, account, span) for _ in range(1 + int(random.expovariate(1.1)))]
    found = random.random()
    first_origin = "form" if account.path == "self_serve" or found > 0.16 else "prospecting"
    if first_origin == "form" and account.path != "self_serve":
        first_origin = pick(random, INBOUND_ORIGINS)
    people = [_person(random, account, first_origin, account.created_at)]
    for _ in range(min(6, int(random.expovariate(1.05)))):
        created = account.created_at + timedelta(days=random.expovariate(1 / 60))
        created = _daytime(random, created)
        origin = pick(random, INBOUND_ORIGINS) if random.random() < 0.6 else "manual"
        if created < span.end:
            people.append(_person(random, account, origin, created))
    return people


def _legacy(random: Random, account: Account, span: Span) -> Person:
    """Imported with all others in the same second; one in five raises a hand later on."""
    person = _person(random, account, "import", account.created_at)
    if random.random() < 0.2:
        raised = _daytime(random, growing(random, span.start + timedelta(days=2), span.end))
        if raised < span.end:
            return replace(person, raised_at=raised)
    return replace(person, excluded_reason="imported")


def _loners(random: Random, span: Span) -> list[Person]:
    people: list[Person] = []
    lists = sorted(growing(random, span.start, span.end) for _ in range(EVENT_LISTS))
    for what, count in LONERS.items():
        for number in range(max(2, round(count * span.scale * span.grown))):
            created = _daytime(random, growing(random, span.start, span.end))
            if what == "event_list":
                # A whole list is imported in one second: ties that paging must survive.
                people.append(_person(random, None, what, random.choice(lists)))
                people[-1] = replace(people[-1], excluded_reason="imported")
            else:
                origin = pick(random, INBOUND_ORIGINS) if what == "individual" else "form"
                people.append(_odd(_person(random, None, origin, created), what, number))
    return people


def _odd(person: Person, what: str, number: int) -> Person:
    """Give an unwanted lead the look it has in life."""
    if what == "individual":
        return person
    if what == "test":
        email = f"test{number}@{person.email.split('@')[1]}"
        person = replace(person, first_name="Test", last_name=f"Lead {number}", email=email)
    elif what == "spam":
        email = f"seo-offer{number}@cheap-links{number % 7}.example"
        person = replace(person, first_name="SEO", last_name="Experts", email=email)
    elif what == "internal":
        person = replace(person, email=f"{person.first_name}{number}@{OUR_DOMAIN}".lower())
    elif what == "invalid_email":
        person = replace(person, email=f"{person.first_name}{number}@gmial.example".lower())
    return replace(person, excluded_reason=what)


def _person(random: Random, account: Account | None, origin: str, created: datetime) -> Person:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    if account is None:
        country = pick(random, {code: facts[3] for code, facts in COUNTRIES.items()})
        tag = random.randrange(10_000_000)
        email = f"{first}.{last}.{tag}@{random.choice(FREE_MAIL_DOMAINS)}".lower()
    else:
        country = account.country
        email = f"{first}.{last}{random.randrange(1_000)}@{account.domain}".lower()
    raised = created if origin in INBOUND_ORIGINS else None
    outbound = {"prospecting": "outbound", "manual": "outbound", "event_list": "event"}
    channel = outbound.get(origin) or ("offline" if origin == "import" else pick(random, CHANNELS))
    return Person(
        index=-1,
        account_index=account.index if account else None,
        first_name=first,
        last_name=last,
        email=email,
        title=random.choice(JOB_TITLES),
        country=country,
        team=COUNTRIES[country][2],
        channel=channel,
        origin=origin,
        created_at=created,
        raised_at=raised,
        raised_again_at=None,
        excluded_reason=None,
        owner_index=None,
        assigned_at=None,
        reassigned=(),
        hubspot_id="",
        marketo_id=None,
        deleted_at=None,
    )


def _owned(random: Random, person: Person, team: Sequence[User], span: Span) -> Person:
    """Assign it, reassign it when its owner leaves, and settle the rest of its fate."""
    begins = person.raised_at or person.created_at
    # Imported lists and hand-made contacts belong to somebody at once, hand-raisers by routing.
    lag = 0.0 if person.raised_at is None else random.choice((1, 2, 4, 9, 45, 300, 1_800))
    assigned: datetime | None = begins + timedelta(seconds=lag)
    owner = random.choice([user for user in team if user.at_work(begins)])
    if person.raised_at is not None and random.random() < NEVER_ASSIGNED_SHARE:
        assigned = None
    reassigned = _reassigned(random, owner, team, begins, span) if assigned else ()
    again = None
    if person.raised_at and random.random() < RAISED_AGAIN_SHARE:
        again = _daytime(random, person.raised_at + timedelta(days=random.expovariate(1 / 45)))
    deleted = None
    if random.random() < DELETED_SHARE:
        deleted = begins + (span.end - begins) * random.random()
        deleted = deleted.replace(microsecond=0)
    known_to_marketing = person.origin not in ("prospecting", "manual")
    return replace(
        person,
        raised_again_at=again if again and again < span.end else None,
        owner_index=owner.index if assigned else None,
        assigned_at=assigned,
        reassigned=reassigned,
        marketo_id=str(1_000_001 + person.index * 3) if known_to_marketing else None,
        deleted_at=deleted,
    )


def _reassigned(
    random: Random, owner: User, team: Sequence[User], begins: datetime, span: Span
) -> tuple[tuple[datetime, int], ...]:
    """Moves to colleagues; three in ten leads of somebody who left are forgotten."""
    when: datetime | None = None
    if random.random() < REASSIGNED_SHARE:
        when = begins + timedelta(days=random.expovariate(1 / 4))
    elif owner.left_at is not None and random.random() < 0.7:
        when = owner.left_at + timedelta(days=random.randrange(1, 5))
    if when is None or when >= span.end:
        return ()
    heirs = [user for user in team if user.at_work(when) and user is not owner]
    if not heirs:
        return ()
    return ((when.replace(microsecond=0), random.choice(heirs).index),)


def _contacts(random: Random, people: Sequence[Person], end: datetime) -> list[Contact]:
    contacts: list[Contact] = []
    for person in people:
        only = Contact(
            person_index=person.index,
            kind="primary",
            email=person.email,
            origin=person.origin,
            created_at=person.created_at,
            exists_from=person.created_at,
            raised_at=person.raised_at,
            merged_at=None,
            hubspot_id="",
        )
        doubled = person.raised_at is not None and person.excluded_reason is None
        if doubled and random.random() < DOUBLE_SHARE:
            contacts.extend(_doubled(random, only, end))
        else:
            contacts.append(only)
    contacts.sort(key=lambda contact: contact.exists_from)
    return [
        replace(contact, hubspot_id=str(CONTACT_IDS_FROM + position * CONTACT_ID_STEP))
        for position, contact in enumerate(contacts)
    ]


def _doubled(random: Random, first: Contact, end: datetime) -> list[Contact]:
    """Two contacts of one person, merged later or not.

    Until `MERGE_MAKES_NEW_RECORD` the record that was kept also kept its id; since then a merge
    makes a third record and both earlier ones are gone.
    """
    came = max(first.created_at, first.raised_at or first.created_at)
    came = _daytime(random, came + timedelta(hours=random.uniform(1, 24 * 40)))
    if came >= end:
        return [first]
    mailbox, domain = first.email.split("@")
    kind = random.choice(("alias", "case"))
    email = f"{mailbox}+crm@{domain}" if kind == "alias" else _shout(first.email)
    second = replace(
        first,
        kind=kind,
        email=email,
        origin="form",
        created_at=came,
        exists_from=came,
        raised_at=came,
    )
    merged = came + timedelta(days=random.uniform(0.5, 60))
    if random.random() > MERGED_OF_DOUBLE or merged >= end:
        return [first, second]
    merged = merged.replace(microsecond=0)
    if merged < MERGE_MAKES_NEW_RECORD:
        return [first, replace(second, merged_at=merged)]
    return [
        replace(first, kind="former", merged_at=merged),
        replace(second, merged_at=merged),
        replace(first, exists_from=merged),
    ]


def _shout(email: str) -> str:
    mailbox, domain = email.split("@")
    return f"{mailbox.title()}@{domain.upper()}"


def _daytime(random: Random, moment: datetime) -> datetime:
    """Mostly on weekdays between 06:00 and 22:00 UTC; to the millisecond."""
    if moment.weekday() > 4 and random.random() < 0.6:
        moment += timedelta(days=2)
    if moment.hour < 6 and random.random() < 0.6:
        moment += timedelta(hours=9)
    return moment.replace(microsecond=random.randrange(1_000) * 1_000)
