"""Records written as JSON, as they stand at a moment.

Belongs here: the shape of a CRM object and keeping written ones while they do not change. Does
not: which records are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from revops_pipelines.sandbox.hubspot.properties import (
    OBJECT_TYPES,
    always_names,
    default_names,
    names_of,
)
from revops_pipelines.sandbox.hubspot.story import Change, folded, history, ms_text
from revops_pipelines.sandbox.hubspot.table import FOREVER, Table

PORTAL_ID = 46_100_200
# Written records that are kept; about 1.5 kB each.
MOST_KEPT = 100_000
ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a record is wanted."""

    properties: tuple[str, ...]
    with_history: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The same key for the same wish."""
        return self.properties, self.with_history


@dataclass(frozen=True, slots=True)
class _Kept:
    since: int
    until: int
    body: bytes


class Renderer:
    """Writes records of one type."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = names_of(table.kind.name)
        self._kept: dict[Any, dict[int, _Kept]] = {}
        self._kept_count = 0

    def asked(self, properties: Sequence[str], with_history: Sequence[str]) -> Asked:
        """Known properties only, those of a list that names none, and those always answered."""
        kind = self._table.kind.name
        wanted = list(properties) or list(default_names(kind))
        named = dict.fromkeys(
            [*always_names(kind), *(name for name in wanted if name in self._names), *with_history]
        )
        known = tuple(sorted(name for name in named if name in self._names))
        return Asked(known, tuple(name for name in with_history if name in self._names))

    def body(self, position: int, now: int, asked: Asked) -> bytes:
        """The record as JSON, without associations; kept while it does not change."""
        shelf = self._kept.setdefault(asked.key, {})
        kept = shelf.get(position)
        if kept is not None and kept.since <= now < kept.until:
            return kept.body
        story = self._table.kind.story(position)
        body = ENCODER.encode(self._object(position, story, now, asked))
        if kept is not None or self._kept_count < MOST_KEPT:
            self._kept_count += kept is None
            shelf[position] = _Kept(now, self._next_change(position, story, now), body)
        return body

    def values(self, position: int, now: int) -> dict[str, str | None]:
        """All its values then, with the computed ones."""
        return self._values(position, self._table.kind.story(position), now)

    def _next_change(self, position: int, story: Sequence[Change], now: int) -> int:
        gone = int(self._table.gone[position])
        ahead = [change.at for change in story if change.at > now]
        return min([*ahead, gone if gone > now else FOREVER])

    def _values(self, position: int, story: Sequence[Change], now: int) -> dict[str, str | None]:
        values = folded(story, min(now, int(self._table.gone[position]) - 1))
        values[self._table.kind.modified] = ms_text(self._modified(position, story, now))
        return values

    def _modified(self, position: int, story: Sequence[Change], now: int) -> int:
        until = min(now, int(self._table.gone[position]) - 1)
        born = int(self._table.born[position])
        return max([born, *(change.at for change in story if change.at <= until)])

    def _object(
        self, position: int, story: Sequence[Change], now: int, asked: Asked
    ) -> dict[str, Any]:
        table = self._table
        values = self._values(position, story, now)
        gone = int(table.gone[position])
        archived = gone <= now
        id_ = str(table.ids[position])
        record: dict[str, Any] = {
            "id": id_,
            "properties": {name: values.get(name) for name in asked.properties},
        }
        if asked.with_history:
            record["propertiesWithHistory"] = {
                name: history(story, name, min(now, gone - 1)) for name in asked.with_history
            }
        created = values[table.kind.created]
        record["createdAt"] = created
        record["updatedAt"] = ms_text(gone) if archived else values[table.kind.modified]
        record["archived"] = archived
        if archived:
            record["archivedAt"] = ms_text(gone)
        type_id = OBJECT_TYPES[table.kind.name][0]
        record["url"] = f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/{type_id}/{id_}"
        return record
