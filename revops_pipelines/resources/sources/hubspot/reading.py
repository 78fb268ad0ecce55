"""Reading records of a type: lists, searches, batches, associations.

Belongs here: HubSpot's ways of handing out records, each ending in whole records as bytes. Does
not: which of them a pull needs and what it remembers (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import msgspec

from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import CursorLoopError, ProtocolError
from revops_pipelines.engine.ingest.guards import reconcile
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.windows import Window
from revops_pipelines.resources.sources.hubspot.client import SEARCH, HubSpot

Item = TypeVar("Item")
# What a list's URL holds beside the names of properties.
_URL_REST = 400
_COMMA = len("%2C")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEW = 20
_PRIMARY_COMPANY = ("contacts", "deals")


class _Next(msgspec.Struct):
    after: str | int


class _Paging(msgspec.Struct):
    next: _Next | None = None

    @property
    def after(self) -> str | None:
        return None if self.next is None else str(self.next.after)


class _Keyed(msgspec.Struct):
    """Not all have an identifier of that name; none has it without a value."""

    id: str = ""
    record_id: str = msgspec.field(default="", name="recordId")


class Page(msgspec.Struct):
    """A page of a list, a search or a batch."""

    RECORD: ClassVar[type] = _Keyed

    results: list[msgspec.Raw]
    paging: _Paging | None = None
    total: int = 0


class _Found(msgspec.Struct):
    id: str


class _FoundPage(msgspec.Struct):
    results: list[_Found]
    total: int = 0


class _Kind(msgspec.Struct, rename="camel"):
    category: str = ""
    type_id: int = 0
    label: str | None = None


class _Linked(msgspec.Struct, rename="camel"):
    to_object_id: str | int
    association_types: list[_Kind] = []


class _From(msgspec.Struct):
    id: str | int


class _Links(msgspec.Struct, rename={"origin": "from", "to": "to", "paging": "paging"}):
    origin: _From
    to: list[_Linked]
    paging: _Paging | None = None


class _LinksPage(msgspec.Struct):
    results: list[_Links]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of each record of a type; `on_reject` takes those that are no proper JSON."""

    kind: str
    properties: tuple[str, ...]
    history: tuple[str, ...]
    associations: tuple[str, ...]
    on_reject: OnReject | None = None

    def split(self, url_characters: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Properties that fit into a URL, and those that must be asked for otherwise.

        >>> Wish("deals", ("a", "bb", "ccc"), (), ()).split(410)
        (('a', 'bb'), ('ccc',))
        """
        room = url_characters - _URL_REST - sum(len(n) + _COMMA for n in self.history)
        for position, name in enumerate(self.properties):
            room -= len(name) + _COMMA
            if room < 0:
                return self.properties[:position], self.properties[position:]
        return self.properties, ()


def pages(
    api: HubSpot,
    path: str,
    params: Mapping[str, Any],
    on_reject: OnReject | None = None,
    first: str | None = None,
) -> Iterator[Page]:
    """Pages of a list, from the cursor `first` on. Raises CursorLoopError for one without end."""

    def fetch(after: str | None) -> Page:
        asked = params if after is None else {**params, "after": after}
        return api.get(Page, path, asked, on_reject)

    return follow(fetch, _after, lambda page: len(page.results), first)


def _after(page: Page) -> str | None:
    return None if page.paging is None else page.paging.after


def listed(api: HubSpot, wish: Wish, *, archived: bool = False) -> Iterator[list[bytes]]:
    """All records of a type, a page at a time, whole: every property, every association."""
    for records, _ in listed_from(api, wish, None, archived=archived):
        yield records


def listed_from(
    api: HubSpot, wish: Wish, after: str | None, *, archived: bool = False
) -> Iterator[tuple[list[bytes], str | None]]:
    """The same from a cursor on, each page with the cursor of the one behind it."""
    options = api.options
    first, rest = wish.split(options.url_characters)
    params: dict[str, Any] = {
        "limit": options.history_page_records if wish.history else options.page_records,
        "archived": "true" if archived else "false",
        "properties": ",".join(first),
    }
    if wish.history:
        params["propertiesWithHistory"] = ",".join(wish.history)
    if wish.associations:
        params["associations"] = ",".join(wish.associations)
    for page in pages(api, api.paths.objects(wish.kind), params, wish.on_reject, after):
        records = [bytes(record) for record in page.results]
        if rest:
            records = _with_rest(api, wish, records, rest, archived=archived)
        yield _with_all_associations(api, wish, records), _after(page)


def counted(api: HubSpot, kind: str) -> int:
    """How many records of a type the search knows: its total, whatever its cap on results."""
    body = {"filterGroups": [], "properties": ["hs_object_id"], "limit": 1, "after": "0"}
    return api.post(_FoundPage, f"{api.paths.objects(kind)}/search", body, SEARCH).total


def changed_ids(
    api: HubSpot, kind: str, modified: str, window: Window
) -> Iterator[tuple[list[str], int]]:
    """Ids of records modified within the window, with how many there are from these on.

    The search ends at 10,000 results and its pages shift when records change meanwhile. Therefore
    no page but the first is ever asked for: results are sorted by id, and the next query asks for
    ids above the last one. Records of one timestamp are then not cut apart either.
    """
    after = 0
    while True:
        filters = [
            {"propertyName": modified, "operator": "GTE", "value": milliseconds(window.start)},
            {"propertyName": modified, "operator": "LT", "value": milliseconds(window.end)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(after)},
        ]
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_object_id"],
            "limit": api.options.search_page_records,
            "after": "0",
        }
        found = api.post(_FoundPage, f"{api.paths.objects(kind)}/search", body, SEARCH)
        ids = [result.id for result in found.results]
        if not ids:
            # The index may still count a few that are gone; many are a loss.
            reconcile(kind, found.total - _FEW, 0)
            return
        numbers = [int(number) for number in ids]
        if numbers != sorted(set(numbers)) or numbers[0] <= after:
            raise ProtocolError(f"search of {kind}: results are not sorted by id")
        yield ids, max(found.total, len(ids))
        if len(ids) >= found.total:
            return
        after = numbers[-1]


def milliseconds(moment: datetime) -> str:
    """A search filter's time: milliseconds since 1970, as text.

    >>> milliseconds(datetime(2026, 1, 1, tzinfo=UTC))
    '1767225600000'
    """
    return str((moment - _EPOCH) // timedelta(milliseconds=1))


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Items in groups of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def read_records(api: HubSpot, wish: Wish, ids: Sequence[str]) -> list[bytes]:
    """Records by id, as a list would give them.

    Ids that are gone are missing from the result. An id that was merged away answers with the
    record that it was merged into.
    """
    options = api.options
    size = options.history_page_records if wish.history else options.page_records
    records: list[bytes] = []
    for some in batches(ids, size):
        records.extend(_batch(api, wish, some, wish.properties, wish.history))
    if not wish.associations:
        return records
    found = [id_of(record) for record in records]
    linked = _associations(api, wish, found)
    return [
        _with_associations(record, linked.get(identifier, {}))
        for record, identifier in zip(records, found, strict=True)
    ]


def id_of(record: bytes) -> str:
    """The identifier in a record."""
    return msgspec.json.decode(record, type=_Found).id


def _batch(
    api: HubSpot,
    wish: Wish,
    ids: Sequence[str],
    properties: Sequence[str],
    history: Sequence[str] = (),
    *,
    archived: bool = False,
) -> list[bytes]:
    body = {
        "inputs": [{"id": identifier} for identifier in ids],
        "properties": list(properties),
        "propertiesWithHistory": list(history),
    }
    path = f"{api.paths.objects(wish.kind)}/batch/read"
    if archived:
        path += "?archived=true"
    page = api.post(Page, path, body, on_reject=wish.on_reject)
    return [bytes(record) for record in page.results]


def _with_rest(
    api: HubSpot, wish: Wish, records: list[bytes], rest: Sequence[str], *, archived: bool
) -> list[bytes]:
    """Records with the properties that did not fit into the list's URL, merged by id."""
    parts = [_parts(record) for record in records]
    by_id = {msgspec.json.decode(part["id"], type=str): part for part in parts}
    for some in batches(list(by_id), api.options.page_records):
        for more in _batch(api, wish, some, rest, archived=archived):
            part = _parts(more)
            whole = by_id.get(msgspec.json.decode(part["id"], type=str))
            if whole is not None:
                properties = {**_parts(part["properties"]), **_parts(whole["properties"])}
                whole["properties"] = msgspec.Raw(msgspec.json.encode(properties))
    return [msgspec.json.encode(part) for part in by_id.values()]


def _parts(document: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(document, type=dict[str, msgspec.Raw])


def _with_all_associations(api: HubSpot, wish: Wish, records: list[bytes]) -> list[bytes]:
    """A list cuts long associations off and says so; those records get theirs from a batch."""
    cut = [id_of(record) for record in records if wish.associations and _is_cut(record)]
    if not cut:
        return records
    linked = _associations(api, wish, cut)
    whole = []
    for record in records:
        identifier = id_of(record)
        if identifier in linked:
            parts = _parts(record)
            parts.pop("associations", None)
            record = _with_associations(msgspec.json.encode(parts), linked[identifier])
        whole.append(record)
    return whole


def _is_cut(record: bytes) -> bool:
    # Cheap first: the word is rare, the record long.
    if b'"paging"' not in record:
        return False
    associations = _parts(record).get("associations")
    return associations is not None and b'"next"' in bytes(associations)


def _associations(
    api: HubSpot, wish: Wish, ids: Sequence[str]
) -> dict[str, dict[str, list[dict[str, str]]]]:
    """By record and type: what it is associated with, in the words of a list."""
    linked: dict[str, dict[str, list[dict[str, str]]]] = {}
    for to in wish.associations:
        path = api.paths.associations(wish.kind, to)
        waiting: list[dict[str, str]] = [{"id": identifier} for identifier in ids]
        while waiting:
            following: list[dict[str, str]] = []
            for some in batches(waiting, api.options.association_batch):
                page = api.post(_LinksPage, path, {"inputs": list(some)})
                for links in page.results:
                    of = str(links.origin.id)
                    found = linked.setdefault(of, {}).setdefault(to, [])
                    found.extend(_in_words_of_a_list(wish.kind, to, links.to))
                    after = None if links.paging is None else links.paging.after
                    if after is not None:
                        following.append({"id": of, "after": after})
            if following and following == waiting:
                raise CursorLoopError(f"{path}: the associations do not end")
            waiting = following
    return linked


def _in_words_of_a_list(of: str, to: str, links: Iterable[_Linked]) -> Iterator[dict[str, str]]:
    for link in links:
        for kind in link.association_types or [_Kind()]:
            yield {"id": str(link.to_object_id), "type": _type_name(of, to, kind)}


def _type_name(of: str, to: str, kind: _Kind) -> str:
    """What a list calls an association that a batch describes by category, number and label.

    >>> _type_name("deals", "companies", _Kind("HUBSPOT_DEFINED", 5, "Primary"))
    'deal_to_company'
    >>> _type_name("deals", "companies", _Kind("HUBSPOT_DEFINED", 341, None))
    'deal_to_company_unlabeled'
    >>> _type_name("deals", "contacts", _Kind("USER_DEFINED", 28, "Decision maker"))
    'decision_maker'
    """
    stem = f"{singular(of)}_to_{singular(to)}"
    if kind.label and kind.label != "Primary":
        return kind.label.lower().replace(" ", "_")
    if kind.label is None and to == "companies" and of in _PRIMARY_COMPANY:
        return f"{stem}_unlabeled"
    return stem


def singular(kind: str) -> str:
    """One of a type of record.

    >>> singular("companies"), singular("deals")
    ('company', 'deal')
    """
    return kind[:-3] + "y" if kind.endswith("ies") else kind.removesuffix("s")


def _with_associations(record: bytes, linked: Mapping[str, Sequence[Mapping[str, str]]]) -> bytes:
    """A record as a list gives it: associations are its last member, absent if there are none."""
    named = {to: {"results": links} for to, links in linked.items() if links}
    if not named:
        return record
    return b'%b,"associations":%b}' % (record.rstrip()[:-1], msgspec.json.encode(named))
