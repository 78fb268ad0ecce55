"""History once more, step by step, as far as some rules need it.

Belongs here: bringing a warehouse of its own to what was known at one instant after the other, and
judging the rules there. Does not: what became of it (`engine.alerts.backtest`), or a whole rebuild
(`rebuild`), which this does in part: only the rules' metrics, what they read, and the systems that
offer that.

Between two loads nothing new was known, so only time moves: the parameters and the metrics. At a
load the raw tables are filled anew and what changed is conformed, as a night does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from revops_pipelines.assets import conformed as conformed_plugins
from revops_pipelines.contracts.contract import references_of
from revops_pipelines.engine.alerts.declaration import Evaluation
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.in_force import InForce
from revops_pipelines.engine.alerts.rule_settings import record_settings
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.engine.conform.build import conform
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.prepare import MERGES, prepare_conform
from revops_pipelines.engine.conform.stage import SourceOffer
from revops_pipelines.engine.ingest.as_known import copy_as_known
from revops_pipelines.engine.ingest.raw_tables import ensure_raw_tables, raw_table
from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parameters import prepare
from revops_pipelines.engine.metrics.restate import COLUMNS as RESTATEMENTS
from revops_pipelines.engine.metrics.standing import write_standing
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.rebuild import LIVE, in_order
from revops_pipelines.resources.systems import Systems
from revops_pipelines.settings import Settings

RUN_ID = "backtest"
# Kept by runs, not made of raw tables: what was written by an instant is what was known then.
_KEPT = {
    "ops.loads": "loaded_at",
    "ops.source_calls": "read_at",
    "ops.fields": "first_seen_at",
    "metrics.restatements": "restated_at",
    "ops.rule_judgings": "first_at",
    "ops.outbox_facts": "seen_at",
}
# What became of such rows later, nobody knew yet.
_NOT_YET = (
    "UPDATE ops.fields SET missing_since = NULL WHERE missing_since > $at",
    "UPDATE ops.rule_judgings SET last_at = least(last_at, $at), "
    "until_at = CASE WHEN until_at <= $at THEN until_at END",
    "UPDATE ops.outbox_facts SET until_at = CASE WHEN until_at <= $at THEN until_at END",
)
# What alerting keeps about itself: before the first row nobody knows how it stood, and what is
# judged here must not count as judged then.
_OF_ALERTING = "ops.rule_judgings"


@dataclass(frozen=True, slots=True)
class _Needs:
    """What rules read, themselves and through their metrics, each in the order of building."""

    metrics: tuple[Metric, ...]
    entities: tuple[Entity, ...]
    offers: tuple[SourceOffer, ...]

    @property
    def streams(self) -> set[tuple[str, str]]:
        """(source, stream) of the raw tables behind it."""
        return {(each.source, name) for each in self.offers for name in each.offer.streams}


class Replay:
    """Rules judged at instants that only go forward, in an empty database of its own."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        warehouse: Path,
        settings: Settings,
        systems: Systems,
        judged: Sequence[InForce],
        metrics: Mapping[str, Metric],
    ) -> None:
        """`warehouse` is the live file, which is only read; nobody may be writing it."""
        self._connection, self._warehouse = connection, warehouse
        self._settings, self._systems, self._judged = settings, systems, judged
        self._entities = discover(conformed_plugins, Entity)
        self._needs = _needs(judged, metrics, self._entities, systems)
        self._known: list[Any] | None = None
        self._lay_out()

    def at(self, moment: datetime) -> list[Evaluation]:
        """Judge each rule on what was known then (aware), as a run at that time would have."""
        with _Attached(self._connection, self._warehouse):
            known = self._loads(moment)
            is_new = known != self._known
            if is_new:
                self._fill(moment)
            self._keep(moment)
        if is_new:
            self._conform(moment)
            self._known = known
        prepare(self._connection, self._settings, moment)
        for metric in self._needs.metrics:
            build_metric(self._connection, metric)
        if self._needs.metrics:
            self._stand()
        ordered = sorted(self._judged, key=lambda each: _OF_ALERTING not in each.rule.inputs)
        found = {each.rule.name: self._judge(each, moment) for each in ordered}
        return [found[each.rule.name] for each in self._judged]

    def _judge(self, judged: InForce, moment: datetime) -> Evaluation:
        if (
            _OF_ALERTING in judged.rule.inputs
            and not self._connection.execute(f"SELECT 1 FROM {_OF_ALERTING} LIMIT 1").fetchone()
        ):
            said = f"{_OF_ALERTING} holds no data"
            return Evaluation(judged.rule.name, problem=said)
        return evaluate_rule(self._connection, judged.rule, judged.options, moment, RUN_ID)

    def _lay_out(self) -> None:
        ensure_schema(self._connection)
        ensure_alert_tables(self._connection)
        listed = ", ".join(f"{name} {kind}" for name, (kind, _) in RESTATEMENTS.items())
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS metrics.restatements ({listed})")
        prepare_conform(
            self._connection,
            tuple(self._entities.values()),
            self._systems.areas,
            self._settings.company.internal_domains,
            self._settings.precedence,
        )
        begun = datetime(1970, 1, 1, tzinfo=UTC)
        for each in self._judged:
            record_settings(self._connection, each.rule, each.options, begun, RUN_ID)

    def _loads(self, moment: datetime) -> list[Any]:
        """The last load by then of each stream that is needed; the first where none was yet.

        What was held before the first pull is not known: it counts as it was then pulled.
        """
        return self._connection.execute(
            "SELECT source, stream, coalesce(max(loaded_at) FILTER (loaded_at <= $at), "
            f"min(loaded_at)) FROM {LIVE}.ops.loads "
            "WHERE (source || '.' || stream) IN $streams GROUP BY ALL ORDER BY ALL",
            {
                "at": moment.astimezone(UTC).replace(tzinfo=None),
                "streams": [f"{source}.{stream}" for source, stream in self._needs.streams],
            },
        ).fetchall()

    def _fill(self, moment: datetime) -> None:
        self._connection.execute("DROP SCHEMA IF EXISTS raw CASCADE")
        self._connection.execute("CREATE SCHEMA raw")
        wanted = self._needs.streams
        for system in self._systems:
            # Offers may look at streams of which nothing is wanted: they find them empty.
            ensure_raw_tables(self._connection, system.name, system.streams)
            for stream in system.streams:
                if (system.name, stream.name) in wanted:
                    table = raw_table(system.name, stream)
                    copy_as_known(self._connection, LIVE, table, moment)

    def _keep(self, moment: datetime) -> None:
        at = moment.astimezone(UTC).replace(tzinfo=None)
        for table, column in _KEPT.items():
            if not _is_there(self._connection, table):
                continue
            self._connection.execute(f"DELETE FROM {table}")
            self._connection.execute(
                f"INSERT INTO {table} BY NAME SELECT * FROM {LIVE}.{table} WHERE {column} <= ?",
                [at],
            )
        for said in _NOT_YET:
            self._connection.execute(said, {"at": at})

    def _conform(self, moment: datetime) -> None:
        merges = [each for each in self._systems.offers if each.offer.entity == MERGES]
        for entity in self._needs.entities:
            offers = [each for each in self._systems.offers if each.offer.entity == entity.name]
            conform(self._connection, entity, offers, self._settings, RUN_ID, moment, merges)

    def _stand(self) -> None:
        feeds: dict[str, list[tuple[str, str]]] = {}
        for each in self._needs.offers:
            streams = [(each.source, stream) for stream in each.offer.streams]
            feeds.setdefault(each.offer.entity, []).extend(streams)
        max_age = timedelta(hours=self._settings.freshness.max_age_hours)
        write_standing(self._connection, self._needs.metrics, feeds, max_age)


class _Attached:
    """The live file beside the own one, for as long as it is read from."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
        self._connection, self._path = connection, str(warehouse).replace("'", "''")

    def __enter__(self) -> None:
        self._connection.execute(f"ATTACH '{self._path}' AS {LIVE} (READ_ONLY)")

    def __exit__(self, *error: object) -> None:
        self._connection.execute(f"DETACH {LIVE}")


def instants(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    """From the first to the last, both included where the steps fall on it."""
    at = first
    while at <= last:
        yield at
        at += step


def _is_there(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the live file, attached, has the table: one of an older version lacks some."""
    schema, name = table.split(".")
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() "
        "WHERE database_name = ? AND schema_name = ? AND table_name = ?",
        [LIVE, schema, name],
    ).fetchone()
    return bool(row and row[0])


def _needs(
    judged: Sequence[InForce],
    metrics: Mapping[str, Metric],
    entities: Mapping[str, Entity],
    systems: Systems,
) -> _Needs:
    read = [name for each in judged for name in each.rule.inputs]
    series = {name for each in judged for name in each.rule.metrics}
    series |= {name.removeprefix("metrics.") for name in read if name.startswith("metrics.")}
    wanted = {
        metric.name for metric in metrics.values() if {metric.name, *metric.published} & series
    }
    built = in_order(metrics, wanted)
    inputs = [*read, *(name for metric in built for name in metric.inputs)]
    named = {name.removeprefix("conformed.") for name in inputs if name.startswith("conformed.")}
    ordered = _entities(named & entities.keys(), entities)
    names = {entity.name for entity in ordered} | {MERGES}
    offers = tuple(each for each in systems.offers if each.offer.entity in names)
    return _Needs(tuple(built), tuple(ordered), offers)


def _entities(wanted: Collection[str], entities: Mapping[str, Entity]) -> Sequence[Entity]:
    """The wanted ones and all that they point at or read, each after those."""
    order: list[str] = []
    waiting = [(name, False) for name in sorted(wanted, reverse=True)]
    seen: set[str] = set()
    while waiting:
        name, is_ready = waiting.pop()
        if is_ready:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            waiting.append((name, True))
            entity = entities[name]
            needs = {*references_of(entity.contract).values(), *entity.reads} & entities.keys()
            waiting += [(each, False) for each in sorted(needs - {name}, reverse=True)]
    return [entities[name] for name in order]
