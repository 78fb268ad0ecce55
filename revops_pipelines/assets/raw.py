"""Raw assets: one per stream of every source that runs, loaded by one step per source.

Belongs here: what Dagster sees of pulling and loading. Does not: pulling or loading
(`engine.ingest`).

All sources of a run are pulled at once; each step loads its own streams as they come through, while
others are still being pulled. What came through is materialized, its cursors committed with its
data; for streams that failed the step fails and says which and what mends it. What reads only other
sources goes on.
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from revops_pipelines.assets.raw_checks import (
    fields_check,
    raw_check_specs,
    reconciliation_check,
)
from revops_pipelines.engine.declarations import Source, Stream, Sum
from revops_pipelines.engine.factories.metadata import column_schema
from revops_pipelines.engine.ingest.errors import IngestError, TransientError
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.metering import Calls
from revops_pipelines.engine.ingest.pull import Failed, Landed, Pulled
from revops_pipelines.engine.ingest.reconcile import Reconciled
from revops_pipelines.engine.ingest.sums import compare_sums
from revops_pipelines.engine.ingest.usage import record_calls
from revops_pipelines.engine.needs import Clock, Pulls, Warehouse

# Tag of a job: which streams it pulls, `all` or `pulse`.
STREAMS_TAG = "revops/streams"
PULSE = "pulse"
LAYER = "raw"

# A nightly schedule that missed once is late; twice is stale.
_NIGHTLY_LATE = timedelta(hours=26)
_NIGHTLY_STALE = timedelta(hours=50)
_RESOURCES = {"warehouse", "clock", "puller"}

_BOOKKEEPING = {
    "payload": ("JSON", "The whole record, as the system sent it."),
    "payload_hash": ("VARCHAR", "Digest of the payload; a new one makes a new version."),
    "_updated_at": ("TIMESTAMP", "When the record last changed in its system, UTC."),
    "_extracted_at": ("TIMESTAMP", "When this version was fetched, UTC."),
    "_deleted_at": ("TIMESTAMP", "When the record was deleted, archived or merged away, UTC."),
    "_deleted_reason": ("VARCHAR", "How it went."),
    "_load_id": ("VARCHAR", "The load that brought this version; see ops.loads."),
}


def raw_key(source: str, stream: str) -> dg.AssetKey:
    """The asset key of a stream: `raw/<source>/<stream>`."""
    return dg.AssetKey([LAYER, source, stream])


def raw_assets(
    name: str,
    source: Source,
    streams: Sequence[Stream],
    sources: Mapping[str, Sequence[Stream]],
    guard: VolumeGuard | None = None,
    sums: Sequence[Sum] = (),
) -> dg.AssetsDefinition:
    """The assets of one configured source. `sources` are all that run, to pull them together.

    `guard` says how many records may vanish at once before that is taken for a fault; `sums` are
    the source's amounts that must agree.
    """
    by_key = {raw_key(name, stream.name): stream for stream in streams}

    @dg.multi_asset(
        name=f"{LAYER}__{name}",
        specs=[_spec(name, source, stream) for stream in streams],
        check_specs=list(raw_check_specs(by_key)),
        can_subset=True,
        required_resource_keys=_RESOURCES,
        retry_policy=dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL),
        op_tags={"revops/source": name},
    )
    def load(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        warehouse: Warehouse = context.resources.warehouse
        clock: Clock = context.resources.clock
        puller: Pulls = context.resources.puller
        wanted = _wanted(context, sources)
        selected = tuple(
            stream.name
            for key, stream in by_key.items()
            if key in context.selected_asset_keys and stream.name in wanted.get(name, ())
        )
        wanted = {**wanted, name: selected}
        with warehouse.get_connection() as connection:
            ensure_raw_tables(connection, name, streams)
        loads = _Loads(context, name, {stream.name: stream for stream in streams}, guard)
        for pulled in puller.results(wanted, name, warehouse, clock):
            yield from loads.load(pulled)
        yield from loads.conclude(sums)

    return load


class _Loads:
    """The loads of one source in one run, stream by stream as they come through.

    The warehouse is held for a load, never while the source is waited for. A stream that cannot be
    loaded joins the failed ones, the others go on.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        name: str,
        streams: Mapping[str, Stream],
        guard: VolumeGuard | None,
    ) -> None:
        self._context, self._name, self._streams, self._guard = context, name, streams, guard
        self._warehouse: Warehouse = context.resources.warehouse
        self._clock: Clock = context.resources.clock
        self._failed: list[Failed] = []
        self._reconciled: dict[str, Reconciled] = {}
        self._calls: Calls | None = None
        self._arrived = 0

    def load(self, pulled: Pulled) -> Iterator[dg.MaterializeResult[Any]]:
        """Load what landed of a stream."""
        self._arrived += 1
        self._calls = pulled.calls or self._calls
        if isinstance(pulled, Failed):
            self._failed.append(pulled)
            return
        name, stream = self._name, pulled.stream
        try:
            with self._warehouse.get_connection() as connection:
                loaded = load_stream(
                    connection,
                    name,
                    self._streams[stream],
                    pulled,
                    self._context.run.run_id,
                    self._clock.now(),
                    guard=self._guard,
                )
        except IngestError as error:
            self._failed.append(Failed(name, stream, error))
            return
        self._context.log.info(
            f"{name}.{stream}: {loaded.rows_read} read, {loaded.rows_changed} changed, "
            f"{loaded.rows_deleted} deleted"
        )
        key = raw_key(name, stream)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata=_counts(loaded, pulled),
            check_results=[fields_check(key, loaded)],
        )
        self._reconciled[stream] = loaded.reconciled
        if pulled.stopped is not None:
            # What is here counts, but the stream is not through: the run must not be green.
            self._failed.append(Failed(name, stream, pulled.stopped))

    def conclude(self, sums: Sequence[Sum]) -> Iterator[dg.AssetCheckResult]:
        """Tell counts, keys and sums, which need the tables of several streams, then what failed.

        Raises dg.Failure if any stream failed.
        """
        calls = self._calls
        if calls is not None and calls.used:
            left = "" if calls.left is None else f", {calls.left:,} left"
            self._context.log.info(f"{self._name}: {calls.used:,} calls used{left}")
        whole = set(self._reconciled) - {result.stream for result in self._failed}
        with self._warehouse.get_connection() as connection:
            summed = compare_sums(connection, self._name, sums, whole)
            errors = [result.error for result in self._failed]
            run_id = self._context.run.run_id
            record_calls(connection, self._name, run_id, calls, errors, self._clock.now())
        for stream, found in self._reconciled.items():
            own = [each for each in summed if each.sum.stream == stream]
            yield reconciliation_check(raw_key(self._name, stream), found, own)
        _fail_if_any(self._name, self._failed, self._arrived)


def _counts(loaded: Loaded, landed: Landed) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "dagster/row_count": loaded.rows_total,
        "rows_read": loaded.rows_read,
        "rows_changed": loaded.rows_changed,
        "rows_deleted": loaded.rows_deleted,
        "cursor": dg.MetadataValue.json(dict(landed.cursor)),
    }
    calls = landed.calls
    if calls is not None and calls.used:
        counts["source_calls"] = calls.used
        if calls.left is not None:
            counts["source_calls_left"] = calls.left
    return counts


def _fail_if_any(name: str, failed: Sequence[Failed], streams: int) -> None:
    if not failed:
        return
    for result in failed:
        if not isinstance(result.error, IngestError):
            raise result.error
    problems = "; ".join(f"{result.stream}: {result.error}" for result in failed)
    raise dg.Failure(
        description=f"{name}: {len(failed)} of {streams} streams failed. {problems}",
        metadata={
            "failed_streams": [result.stream for result in failed],
            "remedy": f"revops check --source {name}",
        },
        # The client has retried already; only a passing trouble is worth another try of the step.
        allow_retries=all(isinstance(result.error, TransientError) for result in failed),
    )


def _wanted(
    context: dg.AssetExecutionContext, sources: Mapping[str, Sequence[Stream]]
) -> dict[str, tuple[str, ...]]:
    """The streams of every source that this run will load."""
    chosen = context.run.asset_selection
    only_pulse = context.run.tags.get(STREAMS_TAG) == PULSE
    wanted: dict[str, tuple[str, ...]] = {}
    for source, streams in sources.items():
        names = tuple(
            stream.name
            for stream in streams
            if (not only_pulse or stream.pulse)
            and (not chosen or raw_key(source, stream.name) in chosen)
        )
        if names:
            wanted[source] = names
    return wanted


def _spec(name: str, source: Source, stream: Stream) -> dg.AssetSpec:
    columns = {column.name: column.type for column in stream.columns}
    meanings = {column.name: column.description for column in stream.columns}
    columns |= {column: type_ for column, (type_, _) in _BOOKKEEPING.items()}
    meanings |= {column: meaning for column, (_, meaning) in _BOOKKEEPING.items()}
    return dg.AssetSpec(
        raw_key(name, stream.name),
        description=f"{stream.description}\n\nTable `raw.{name}__{stream.name}`.",
        group_name=f"{LAYER}_{name}",
        owners=["team:data-engineering"],
        kinds={"duckdb", source.name},
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=_NIGHTLY_STALE, warn_window=_NIGHTLY_LATE
        ),
        metadata={
            "dagster/column_schema": column_schema(columns, meanings),
            "dagster/table_name": f"raw.{name}__{stream.name}",
            "key": ", ".join(stream.key),
            "scopes": ", ".join(stream.scopes) or "none",
        },
    )
