"""Records written as JSON, as they stand at a moment.

Belongs here: the shape of a CRM object and keeping written ones while they do not change. Does
not: which records are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from revops_pipelines.sandbox.hubspot.properties import (
    OBJECT_TYPES,
    always_names,
    default_names,
    names_of,
)
from revops_pipelines.sandbox.hubspot.story import Change, history, ms_text
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


class _State(NamedTuple):
    """A record as it stands: `until` it changes next, `gone` when it left the lists."""

    id: int
    story: list[Change]
    values: dict[str, str | None]
    gone: int
    until: int


class Renderer:
    """Writes records of one type."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = names_of(table.kind.name)
        self._kept: dict[Any, dict[int, _Kept]] = {}
        self._kept_count = 0
        type_id = OBJECT_TYPES[table.kind.name][0]
        self._url = f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/{type_id}/"

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
        state = self._state(position, now)
        body = ENCODER.encode(self._object(state, now, asked))
        if kept is not None or self._kept_count < MOST_KEPT:
            self._kept_count += kept is None
            shelf[position] = _Kept(now, state.until, body)
        return body

    def values(self, position: int, now: int) -> dict[str, str | None]:
        """All its values then, with the computed ones."""
        return self._state(position, now).values

    def _state(self, position: int, now: int) -> _State:
        table = self._table
        id_, born, gone = table.facts(position)
        story = table.kind.story(position)
        shown = now if now < gone else gone - 1
        values: dict[str, str | None] = {}
        modified, until = born, gone if now < gone else FOREVER
        for change in story:
            if change.at > shown:
                until = min(until, change.at) if now < gone else until
                break
            values.update(change.values)
            modified = max(modified, change.at)
        values[table.kind.modified] = ms_text(modified)
        return _State(id_, story, values, gone, until)

    def _object(self, state: _State, now: int, asked: Asked) -> dict[str, Any]:
        kind = self._table.kind
        values, id_ = state.values, str(state.id)
        archived = state.gone <= now
        value_of = values.get
        record: dict[str, Any] = {
            "id": id_,
            "properties": {name: value_of(name) for name in asked.properties},
        }
        if asked.with_history:
            shown = min(now, state.gone - 1)
            record["propertiesWithHistory"] = {
                name: history(state.story, name, shown) for name in asked.with_history
            }
        record["createdAt"] = values[kind.created]
        record["updatedAt"] = ms_text(state.gone) if archived else values[kind.modified]
        record["archived"] = archived
        if archived:
            record["archivedAt"] = ms_text(state.gone)
        record["url"] = self._url + id_
        return record
