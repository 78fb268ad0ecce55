"""What a plug-in file declares: a source with its streams and offers.

Belongs here: the frozen shapes that files in `resources/sources` fill in. Does not: how they are
pulled (`engine/ingest`) or conformed (`engine/conform`). Metrics and rules have their own
declarations beside their engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

Cursor = Mapping[str, Any]


class SourceOptions(BaseModel):
    """What `[sources.NAME]` in revops.toml may say, with its defaults; a source extends it.

    Every source has a budget of calls: what was pulled when it is used up is kept where the stream
    set a checkpoint, and a later run goes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_calls: int | None = Field(
        None, ge=1, description="Most calls in one run; then it stops, and the next run goes on."
    )
    spare_calls: int = Field(
        0, ge=0, description="Calls of the vendor's daily allowance that are left to others."
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A typed column of a raw table, read from the record's JSON.

    `path` is a JSON pointer into the record (`/properties/email`); `type` a DuckDB type. A value
    that cannot be cast is null here and still whole in the table's `payload`.
    """

    name: str
    type: str
    path: str
    description: str = ""


class Pull(Protocol):
    """What a stream's `pull` is given; made by `engine.ingest.pull`."""

    @property
    def source(self) -> str:
        """Name of the configured source."""

    @property
    def options(self) -> Any:
        """The source's options (an instance of its `SourceOptions`)."""

    @property
    def client(self) -> Any:
        """What the source's `connect` returned; shared by its streams, safe across threads."""

    @property
    def cursor(self) -> Cursor:
        """Where the last committed pull ended; empty before the first."""

    @property
    def now(self) -> datetime:
        """The pipeline's clock when the pull began, UTC."""

    @property
    def fetched(self) -> Mapping[str, Any]:
        """What sibling streams shared through `share`, by their key.

        Looking a key up waits until it is shared, or until every stream declared before this one
        (and selected in this run) has ended: then the key is missing.
        """

    def share(self, key: str, value: Any) -> None:
        """Give sibling streams of the same run something to read from `fetched`."""

    def write(self, records: Iterable[bytes]) -> None:
        """Land records, each one JSON object as the vendor sent it, on one line."""

    def land_file(self, fill: Callable[[Path], int]) -> None:
        """Let `fill` write a landing file itself, one JSON object per line; it returns how many.

        For sources that hold whole files already: millions of records need not pass one by one.
        """

    def reject(self, record: bytes, rule: str) -> None:
        """Put aside a record that cannot be landed as it is; counted and quarantined at loading."""

    def delete(self, key: Sequence[str], at: datetime | None, reason: str) -> None:
        """Land a tombstone: the record of that key is deleted, archived or merged away.

        A version that changed after `at` counts as the record's return, so `at` must not lie before
        the last version's `updated`. None: it is not known when, and counts from now, once.
        """

    def complete_ids(self, keys: Iterable[Sequence[str]]) -> None:
        """Say that these are all the keys that exist: any other becomes a tombstone (guarded).

        A key that was landed exists as well, named here or not. So `complete_ids(())` says that
        what this pull landed is all there is.
        """

    def promised(self, records: int) -> None:
        """Say how many records the system itself counts for what this pull reads.

        Calls add up (one per window or list). After loading, the count is compared with the
        different keys that landed; the raw asset's check `reconciliation` shows the difference.
        """

    def checkpoint(self, cursor: Cursor) -> None:
        """Say that all up to this cursor is landed: what a stop on the way need not lose.

        When the source's allowance of calls is used up before `finish`, what has landed is loaded
        with the last checkpoint as its cursor, and the next pull goes on from there. Records that
        landed after the checkpoint may come again. Without a checkpoint the pull begins anew.

        A pull that goes on from a checkpoint lands only the rest: it must not say
        `complete_ids(())`, and `complete_ids` at all only with every key.
        """

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell the progress bar how far the stream is, in records."""

    def each(self, work: Callable[[Any], None], items: Iterable[Any]) -> None:
        """Run `work` over items on the source's threads; the first error stops the stream."""

    def finish(self, cursor: Cursor) -> None:
        """Say that all was landed and where the next pull begins. Called exactly once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One table of a system: `raw.<source>__<name>`.

    `key` names the columns that identify a record; `updated` the column by which a later version is
    told from an earlier one (None: the time it was fetched). `pulse` streams are also pulled every
    few minutes.
    """

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    pull: Callable[[Pull], None]
    updated: str | None = None
    pulse: bool = False
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source gives to one conformed entity.

    `sql` selects the contract's columns by name; columns left out are null, text is cast to the
    contract's type and a value that does not cast sends its row to quarantine. `@source` in the
    text stands for the configured source's name: tables are `raw.@source__contacts`, and a row's
    identifiers are `'@source:' || id`. `streams` are the raw tables read.
    """

    entity: str
    sql: str
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount that the system states and that must be the sum of other amounts it states.

    `sql` selects, for each record of `stream` that it holds for, `id`, `currency`, `expected` (the
    amount stated) and `actual` (the sum), both DECIMAL in major units. `@source` stands for the
    configured source's name, as in an Offer; `streams` are all raw tables read, `stream` first.
    """

    name: str
    description: str
    streams: tuple[str, ...]
    sql: str

    @property
    def stream(self) -> str:
        """The stream whose records state the amount."""
        return self.streams[0]


@dataclass(frozen=True, slots=True)
class Reach:
    """One line of `revops check`: can this stream be read, and if not, what mends it."""

    subject: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """What `connect` is given: name, options, secrets by their option name, and the clock."""

    name: str
    options: Any
    secrets: Mapping[str, str]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Source:
    """A system that can be connected: how to reach it, what it holds, what it offers.

    `secrets` maps an argument name to the environment variable that holds it by default.
    `streams` and `offers` may depend on the options, as for a folder of files.
    """

    name: str
    title: str
    area: str
    secrets: Mapping[str, str]
    options: type[SourceOptions]
    connect: Callable[[Connection], Any]
    check: Callable[[Any], Sequence[Reach]]
    streams: Callable[[Any], tuple[Stream, ...]]
    offers: Callable[[Any], tuple[Offer, ...]]
    # Options that point the source at the sandbox, from the URLs that the sandbox printed.
    sandbox_options: Callable[[Mapping[str, str]], Mapping[str, Any]] | None = field(default=None)
    # Options that follow one of the company's settings unless they are set: option -> "table.key".
    # What the source counts and what the metrics count must not drift apart.
    follows: Mapping[str, str] = field(default_factory=dict)
    # Amounts that must agree with each other once the tables are loaded; compared after each sync.
    sums: Callable[[Any], tuple[Sum, ...]] = field(default=lambda options: ())
