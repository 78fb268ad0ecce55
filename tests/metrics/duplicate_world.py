"""People and companies of the sandbox's world with doubles that nobody folded together.

Belongs here: rows as the metric's detail selects them, and which pairs of them are one thing. Does
not: any judgement of what is found.

The world's own doubles differ by an alias or by capital letters; those that a CRM is full of are
added here: typing errors, short forms, private addresses, lists without addresses, and neighbours
that only look alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import combinations
from random import Random
from typing import Any

from revops_pipelines.sandbox.world.company import Account, Contact, Person
from revops_pipelines.sandbox.world.truth_sales import contacts_of, excluded, merged
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
NOW = datetime.fromisoformat("2026-06-30T12:00:00+00:00")
SCALE = 0.3
DOUBLED_SHARE, NEIGHBOUR_SHARE = 0.08, 0.08
Pairs = frozenset[frozenset[str]]
Row = dict[str, Any]


@cache
def world_of(seed: int) -> World:
    """A small world, the same for the same seed."""
    return build_world(seed=seed, anchor=ANCHOR, scale=SCALE)


def rows_of(seed: int) -> tuple[list[Row], Pairs, Pairs]:
    """Rows; pairs that are one person or company; pairs made to look alike that are two."""
    world, draw = world_of(seed), Random(f"{seed}:duplicates")
    rows: list[Row] = []
    same: set[frozenset[str]] = set()
    alike: set[frozenset[str]] = set()
    for index, contacts in sorted(contacts_of(world, NOW).items()):
        person = world.people[index]
        if excluded(person, NOW) in ("test", "spam", "internal"):
            continue
        account = None if person.account_index is None else world.accounts[person.account_index]
        standing = [each for each in contacts if not merged(each, NOW)]
        mine = [_contact(each, person, account) for each in standing]
        if account is not None and draw.random() < DOUBLED_SHARE:
            mine.append(_double(draw, mine[0], account))
        same |= {frozenset((a["record_id"], b["record_id"])) for a, b in combinations(mine, 2)}
        rows += mine
        if account is not None and draw.random() < NEIGHBOUR_SHARE:
            other = _neighbour(draw, mine[0], person, account, draw.choice(world.accounts))
            rows.append(other)
            alike |= {frozenset((each["record_id"], other["record_id"])) for each in mine}
    for account, made, is_same in _companies(draw, world.accounts):
        rows.append(made)
        if account is not None:
            (same if is_same else alike).add(frozenset((account, made["record_id"])))
    draw.shuffle(rows)
    return rows, frozenset(same), frozenset(alike)


def _row(entity: str, record_id: str, **columns: Any) -> Row:
    empty = dict.fromkeys(("name", "email", "domain", "company_id", "parent_id", "country", "link"))
    return {
        "entity": entity,
        "record_id": record_id,
        "source": record_id.partition(":")[0],
        **empty,
        "created_at": None,
        "activities": 0,
        **columns,
    }


def _contact(contact: Contact, person: Person, account: Account | None) -> Row:
    return _row(
        "leads",
        f"hubspot:{contact.hubspot_id}",
        name=f"{person.first_name} {person.last_name}",
        email=contact.email.lower(),
        company_id=None if account is None else f"hubspot:{account.hubspot_id}",
        country=person.country,
        created_at=contact.created_at.replace(tzinfo=None),
    )


def _double(draw: Random, row: Row, account: Account) -> Row:
    """The same person once more, as another list or another form has it."""
    first, last = row["name"].split(" ", 1)
    local, domain = row["email"].split("@")
    made: Row = row | {
        "record_id": f"{draw.choice(('hubspot', 'files'))}:again-{row['record_id'][8:]}",
        "created_at": row["created_at"] + timedelta(days=3),
    }
    made["source"] = made["record_id"].partition(":")[0]
    changes: tuple[Row, ...] = (
        {"email": f"{_mistyped(draw, local)}@{domain}"},
        {"name": f"{first} {_mistyped(draw, last)}", "email": f"{first[0]}{last}@{domain}".lower()},
        {"name": f"{first[0]}. {last}", "email": f"{first[0]}.{last}@{domain}".lower()},
        {"name": f"{last}, {first}", "email": None},
        {"name": f"{last} {first}", "email": f"{first}.{last}@gmail.com".lower()},
        {"company_id": None, "email": f"{local}@{domain.replace('.example', '.co.uk')}"},
        {"name": None, "company_id": None, "email": f"{local}@{domain.split('.')[0]}.net"},
    )
    made |= draw.choice(changes)
    return made


def _mistyped(draw: Random, word: str) -> str:
    place = draw.randrange(1, max(2, len(word) - 1))
    return word[:place] + word[place : place + 2][::-1] + word[place + 2 :]


def _neighbour(draw: Random, row: Row, person: Person, own: Account, other: Account) -> Row:
    """Somebody else: of the same name elsewhere, of the same family or company here."""
    first, last = person.first_name, person.last_name
    made = row | {"record_id": f"hubspot:near-{row['record_id'][8:]}"}
    if draw.random() < 0.5 and other is not own:
        return made | {
            "email": f"{first}.{last}@{other.domain}".lower(),
            "company_id": f"hubspot:{other.hubspot_id}",
            "country": other.country,
        }
    name = draw.choice(("Marguerite", "Przemyslaw", "Quentin"))
    return made | {"name": f"{name} {last}", "email": f"{name}.{last}@{own.domain}".lower()}


def _companies(draw: Random, accounts: Sequence[Account]) -> Iterator[tuple[str | None, Row, bool]]:
    """Companies; where the first is named, the row is beside that one: the same, or alike."""
    for account in accounts:
        if account.created_at > NOW:
            continue
        own = f"hubspot:{account.hubspot_id}"
        row = _row(
            "accounts",
            own,
            name=account.name,
            domain=account.domain,
            country=account.country,
            created_at=account.created_at.replace(tzinfo=None),
        )
        yield None, row, True
        if draw.random() < DOUBLED_SHARE:
            changes: tuple[Row, ...] = (
                {"name": f"{account.name} GmbH"},
                {"name": account.name.upper(), "domain": None},
                {"name": f"The {account.name}, Inc.", "domain": f"www.{account.domain}"},
                {"name": _mistyped(draw, account.name)},
                {"domain": account.domain.replace(".example", ".co.uk")},
            )
            again = f"files:again-{account.hubspot_id}"
            yield own, row | {"record_id": again, "source": "files"} | draw.choice(changes), True
        elif draw.random() < NEIGHBOUR_SHARE:
            first = account.name.split()[0]
            near = f"hubspot:near-{account.hubspot_id}"
            differs: tuple[Row, ...] = (
                {"name": f"{first} Zeppelin Tours", "domain": f"zeppelin-{account.domain}"},
                {"name": f"{account.name} Brasil", "parent_id": own, "country": "BR"},
                {"domain": f"abroad-{account.domain}", "country": "BR"},
            )
            yield own, row | {"record_id": near} | draw.choice(differs), False
