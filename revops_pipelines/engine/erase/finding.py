"""Who a mail address is: the person's other addresses, names and numbers, and their own records.

Belongs here: looking them up. Does not: changing anything.

A record is the person's own when it is of a stream that feeds people or what marketing did with
them, and one of its address columns holds the address; of streams without such a column, when the
address stands in it as a whole value (a form's answers); and when a column named after a stream of
people (`contact_id` of `contacts`) holds the key of such a record. Any other record that names the
person (a mail, a bill) is somebody else's too: it stays, without the name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from revops_pipelines.engine.declarations import Offer, Stream
from revops_pipelines.engine.erase.redaction import Subject
from revops_pipelines.engine.erase.tombstones import key_sql
from revops_pipelines.engine.ingest.raw_tables import RawTable, quoted, raw_table
from revops_pipelines.engine.ingest.statements import literal

_OF_PEOPLE = {"leads", "touchpoints"}
_NOT_OF_PEOPLE = {"users", "campaigns", "accounts", "customers", "invoices"}
_ADDRESS = re.compile(r"e?mail", re.IGNORECASE)
_NUMBER = re.compile(r"phone|mobile|fax", re.IGNORECASE)
_FEWEST_DIGITS = 7
_WHOLE_NAME = re.compile(r"full_?name", re.IGNORECASE)
_MOST_TURNS = 5


@dataclass(frozen=True)
class Place:
    """A stream of a source, and the entities that it feeds."""

    source: str
    stream: Stream
    feeds: frozenset[str]

    @property
    def table(self) -> RawTable:
        """Its tables."""
        return raw_table(self.source, self.stream)

    @property
    def is_of_people(self) -> bool:
        """Whether its records can be a person's own."""
        return bool(self.feeds & _OF_PEOPLE) and not self.feeds & _NOT_OF_PEOPLE


@dataclass
class Found:
    """A person, and the keys of their own records by (source, stream)."""

    subject: Subject
    lead_ids: frozenset[str] = frozenset()
    own: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records are the person's own."""
        return sum(len(keys) for keys in self.own.values())


def places_of(source: str, streams: Sequence[Stream], offers: Sequence[Offer]) -> Iterator[Place]:
    """The streams of a source with what they feed."""
    for stream in streams:
        feeds = {offer.entity for offer in offers if stream.name in offer.streams}
        yield Place(source, stream, frozenset(feeds))


def is_one_of_us(connection: duckdb.DuckDBPyConnection, email: str) -> bool:
    """Whether the address is a colleague's: their name stands under every deal they own."""
    if not _exists(connection, "conformed", "users"):
        return False
    row = connection.execute(
        "SELECT count(*) FROM conformed.users WHERE lower(email) = ?", [email]
    ).fetchone()
    return bool(row and row[0])


def find_person(
    connection: duckdb.DuckDBPyConnection, places: Iterable[Place], email: str
) -> Found:
    """The person behind an address. What one record tells (another address) is followed up."""
    known = _raw_tables(connection)
    places = [place for place in places if f"{place.source}__{place.stream.name}" in known]
    emails = {email}
    found = Found(Subject())
    for _ in range(_MOST_TURNS):
        found = _turn(connection, places, frozenset(emails))
        if found.subject.emails <= emails:
            break
        emails |= found.subject.emails
    return found


def _turn(
    connection: duckdb.DuckDBPyConnection, places: Sequence[Place], emails: frozenset[str]
) -> Found:
    lead_ids, more, names = _conformed(connection, emails)
    found = Found(Subject(), lead_ids)
    numbers: set[str] = set()
    for place in places:
        if place.is_of_people:
            keys, payloads = _own(connection, place, emails)
            if keys:
                found.own[place.source, place.stream.name] = keys
                for payload in payloads:
                    numbers |= set(_texts(payload, _NUMBER))
                    names |= {" ".join(name.split()) for name in _texts(payload, _WHOLE_NAME)}
    numbers = {number for number in numbers if sum(map(str.isdigit, number)) >= _FEWEST_DIGITS}
    for place in places:
        for key in _dependent(connection, place, found):
            found.own.setdefault((place.source, place.stream.name), set()).add(key)
    found.subject = Subject(emails | more, frozenset(names), frozenset(numbers))
    return found


def _conformed(
    connection: duckdb.DuckDBPyConnection, emails: frozenset[str]
) -> tuple[frozenset[str], frozenset[str], set[str]]:
    """The person's identifiers, addresses and names, over all systems that know them."""
    if not _exists(connection, "conformed", "leads__records"):
        return frozenset(), frozenset(), set()
    listed = ", ".join(map(literal, sorted(emails)))
    same = "SELECT lead_id FROM conformed.leads__records WHERE lower(trim(email)) IN "
    ids = {row[0] for row in connection.execute(f"{same} ({listed})").fetchall()}
    if ids and _exists(connection, "conformed", "identity_links"):
        links = connection.execute(
            "SELECT canonical_id, record_id FROM conformed.identity_links WHERE entity = 'leads'"
        ).fetchall()
        heads = {head for head, record in links if head in ids or record in ids}
        ids |= heads | {record for head, record in links if head in heads}
    if not ids:
        return frozenset(), frozenset(), set()
    rows = connection.execute(
        "SELECT lower(trim(email)), full_name FROM conformed.leads__records WHERE lead_id IN "
        f"({', '.join(map(literal, sorted(ids)))})"
    ).fetchall()
    more = frozenset(row[0] for row in rows if row[0])
    return frozenset(ids), more, {" ".join(row[1].split()) for row in rows if row[1]}


def _own(
    connection: duckdb.DuckDBPyConnection, place: Place, emails: frozenset[str]
) -> tuple[set[str], list[str]]:
    """Keys and payloads of the records that are the person's by their address."""
    addresses = [
        quoted(column.name)
        for column in place.stream.columns
        if _ADDRESS.search(column.name) and column.type in ("VARCHAR", "TEXT")
    ]
    values = ", ".join(map(literal, sorted(emails)))
    whole = [
        f"contains(lower(CAST(payload AS VARCHAR)), {literal(json.dumps(each))})"
        for each in sorted(emails)
    ]
    by_column = [f"lower(trim({name})) IN ({values})" for name in addresses]
    where = " OR ".join(by_column or whole)
    table = place.table
    rows = connection.execute(
        f"SELECT {key_sql(table.keys)}, CAST(payload AS VARCHAR) FROM {table.versions} "
        f"WHERE {where}"
    ).fetchall()
    return {key for key, _ in rows}, [payload for _, payload in rows]


def _dependent(connection: duckdb.DuckDBPyConnection, place: Place, found: Found) -> Iterator[str]:
    """Keys of records that only say something of a person's record, such as a membership."""
    if not place.feeds & {*_OF_PEOPLE, "activities"} or place.feeds & _NOT_OF_PEOPLE:
        return
    names = {column.name for column in place.stream.columns}
    for (source, stream), keys in tuple(found.own.items()):
        column = f"{stream.removesuffix('s')}_id"
        if source == place.source and stream != place.stream.name and column in names:
            values = ", ".join(map(literal, sorted(keys)))
            rows = connection.execute(
                f"SELECT DISTINCT {key_sql(place.table.keys)} FROM {place.table.versions} "
                f"WHERE CAST({quoted(column)} AS VARCHAR) IN ({values})"
            ).fetchall()
            yield from (row[0] for row in rows)


def _texts(payload: str, key: re.Pattern[str]) -> Iterator[str]:
    """Texts in a person's own record under a key that says what they are."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return
    yield from _under(document, key, False)


def _under(part: Any, key: re.Pattern[str], is_meant: bool) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _under(value, key, is_meant or bool(key.search(name)))
    elif isinstance(part, list):
        for value in part:
            yield from _under(value, key, is_meant)
    elif is_meant and isinstance(part, str) and part.strip():
        yield part.strip()


def _raw_tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw' "
        "AND database_name = current_database()"
    ).fetchall()
    return {row[0] for row in rows}


def _exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database()",
        [schema, table],
    ).fetchone()
    return bool(row and row[0])
