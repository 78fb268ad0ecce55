"""The alerting sensors: what makes them ask, what keeps them still, what they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from revops_pipelines.engine.alerts.channel import Channel, ChannelOptions, Message
from revops_pipelines.engine.alerts.deadlines import Asked, Deadline, decide
from revops_pipelines.engine.alerts.declaration import Rule, RuleOptions
from revops_pipelines.engine.alerts.snapshot import NothingPublishedError, from_snapshot
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.resources.outbox import OutboxResource
from revops_pipelines.sensors.delivery import delivery_sensor
from revops_pipelines.sensors.lead_response import lead_response_sensor
from revops_pipelines.sensors.thresholds import threshold_sensor

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


class SetClock:
    def __init__(self, instant: datetime = NOON) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


RULE = Rule(
    name="lead_response_sla",
    title="Late",
    owner="ops",
    severity="warning",
    meaning="m",
    what_to_do="do",
    options=RuleOptions,
    inputs=("metrics.leads",),
    sql="SELECT * FROM metrics.leads",
    detect=lambda rows, options, now: [],
    deadlines="SELECT lead AS alert_key, deadline_at, judged_at FROM metrics.leads",
)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return tmp_path / "published.duckdb"


def publish(path: Path, *statements: str) -> None:
    """Replace the snapshot by a rename, as publishing does."""
    beside = path.with_name("beside.duckdb")
    with duckdb.connect(str(beside)) as connection:
        connection.execute("CREATE SCHEMA metrics")
        ensure_alert_tables(connection)
        for statement in statements:
            connection.execute(statement)
    beside.replace(path)


def leads(*rows: tuple[str, str, str]) -> str:
    values = ", ".join(f"('{key}', TIMESTAMP '{at}', TIMESTAMP '{to}')" for key, at, to in rows)
    return (
        f"CREATE TABLE metrics.leads AS FROM (VALUES {values}) AS t(lead, deadline_at, judged_at)"
    )


@contextmanager
def ticking(sensor: dg.SensorDefinition, clock: SetClock, **resources: Any) -> Iterator[Any]:
    """Ticks of the sensor that remember their cursor."""
    cursor: str | None = None
    with dg.DagsterInstance.ephemeral() as instance:

        def tick() -> Any:
            nonlocal cursor
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, resources={"clock": clock, **resources}
            )
            data = sensor.evaluate_tick(context)
            cursor = data.cursor
            return data

        yield tick


def test_sla_sensor_asks_just_before_a_deadline_and_once(snapshot: Path) -> None:
    publish(snapshot, leads(("a", "2026-06-30 12:01", "2026-06-30 11:58")))
    clock = SetClock()
    with ticking(lead_response_sensor(RULE, snapshot, "pulse"), clock) as tick:
        quiet = tick()
        assert quiet.run_requests == []
        assert quiet.skip_message == (
            "1 open looked at at 2026-06-30T12:00:00Z: the next deadline at 2026-06-30T12:01:00Z"
        )
        clock.instant = NOON + timedelta(seconds=55)
        [request] = tick().run_requests
        assert request.run_key == "lead_response_sla:2026-06-30T11:58:00Z:1"
        clock.instant += timedelta(seconds=10)
        assert tick().run_requests == [], "asked already"

        publish(snapshot, leads(("a", "2026-06-30 12:01", "2026-06-30 12:01:10")))
        assert tick().run_requests == [], "judged on data of after the deadline"


def test_sla_sensor_evaluated_twice_asks_under_one_key(snapshot: Path) -> None:
    # P8: Dagster drops the second request of the same key.
    publish(snapshot, leads(("a", "2026-06-30 11:59", "2026-06-30 11:58")))
    keys = []
    for _ in range(2):
        with ticking(lead_response_sensor(RULE, snapshot, "pulse"), SetClock()) as tick:
            keys += [request.run_key for request in tick().run_requests]
    assert len(keys) == 2 and len(set(keys)) == 1


def test_sla_sensor_waits_for_a_run_that_is_under_way(snapshot: Path) -> None:
    publish(snapshot, leads(("a", "2026-06-30 11:59", "2026-06-30 11:58")))

    @dg.op
    def nothing() -> None:
        pass

    @dg.job
    def pulse() -> None:
        nothing()

    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(pulse, status=dg.DagsterRunStatus.STARTED)
        context = dg.build_sensor_context(instance=instance, resources={"clock": SetClock()})
        data = lead_response_sensor(RULE, snapshot, "pulse").evaluate_tick(context)
    assert data.run_requests == []
    assert "a run is under way" in (data.skip_message or "")


def test_sla_sensor_asks_again_with_growing_pauses_when_nothing_changed() -> None:
    late = [Deadline("a", NOON, NOON - timedelta(minutes=5))]
    asked, times = Asked(), []
    for second in range(0, 3600, 10):
        decision = decide("r", late, NOON + timedelta(seconds=second), asked, is_underway=False)
        asked = Asked.load(decision.asked.dump())
        if decision.run_key:
            times.append(second // 60)
    assert times[:6] == [0, 1, 3, 6, 10, 15]
    assert times[6] - times[5] == times[7] - times[6] == 5


def test_sla_sensor_without_a_snapshot_or_its_tables(snapshot: Path) -> None:
    sensor = lead_response_sensor(RULE, snapshot, "pulse")
    with ticking(sensor, SetClock()) as tick:
        assert tick().skip_message == "no deadline is known: nothing is published yet"
        publish(snapshot)
        assert "the snapshot lacks what is asked" in tick().skip_message


def test_snapshot_may_be_replaced_while_it_is_read(snapshot: Path) -> None:
    publish(snapshot, "CREATE TABLE metrics.t AS SELECT 1 AS v")

    def read_while_replaced(connection: duckdb.DuckDBPyConnection) -> Any:
        publish(snapshot, "CREATE TABLE metrics.t AS SELECT 2 AS v")
        return connection.execute("SELECT v FROM metrics.t").fetchall()

    assert from_snapshot(snapshot, read_while_replaced) == [(1,)]
    assert from_snapshot(snapshot, lambda c: c.execute("FROM metrics.t").fetchall()) == [(2,)]


def test_snapshot_that_is_damaged_is_no_traceback(snapshot: Path) -> None:
    snapshot.write_bytes(b"not a database" * 1000)
    with pytest.raises(NothingPublishedError):
        from_snapshot(snapshot, lambda connection: None)


THRESHOLD = Rule(
    name="churn_threshold",
    title="Churn",
    owner="ops",
    severity="warning",
    meaning="m",
    what_to_do="do",
    options=RuleOptions,
    inputs=("metrics.v",),
    sql="SELECT * FROM metrics.v",
    detect=lambda rows, options, now: [],
)


def _values(computed_at: str | None, evaluated_at: str | None) -> list[str]:
    computed = f"TIMESTAMP '{computed_at}'" if computed_at else "CAST(NULL AS TIMESTAMP)"
    statements = [f"CREATE TABLE metrics.v AS SELECT {computed} AS computed_at"]
    if evaluated_at:
        statements.append(
            "INSERT INTO ops.alert_evaluations (rule, evaluated_at, fired, still_firing) "
            f"VALUES ('churn_threshold', '{evaluated_at}', 0, 2)"
        )
    return statements


@pytest.mark.parametrize(
    ("computed_at", "evaluated_at", "asks"),
    [
        ("2026-06-30 02:31", "2026-06-30 02:32", False),
        ("2026-06-30 09:00", "2026-06-30 02:32", True),
        ("2026-06-30 09:00", None, True),
        (None, None, False),
    ],
)
def test_threshold_sensor_asks_for_values_that_nobody_judged(
    snapshot: Path, computed_at: str | None, evaluated_at: str | None, asks: bool
) -> None:
    publish(snapshot, *_values(computed_at, evaluated_at))
    with ticking(threshold_sensor(THRESHOLD, snapshot, "rules"), SetClock()) as tick:
        requests = tick().run_requests
        assert bool(requests) == asks
        if asks:
            assert requests[0].run_key == "churn_threshold:2026-06-30T09:00:00.000000"


class _Collected:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def send(self, message: Message) -> None:
        self.keys += [told.key for told in message.events]


def test_delivery_sensor_sends_what_a_killed_run_left_in_the_snapshot(
    snapshot: Path, tmp_path: Path
) -> None:
    publish(
        snapshot,
        "INSERT INTO ops.alert_events BY NAME SELECT 'e1' AS event_id, 1 AS event_seq, "
        "'late' AS rule, 'Late' AS rule_title, 'a' AS alert_key, 1 AS episode, 'fired' AS kind, "
        "'warning' AS severity, FALSE AS is_backlog, '{}' AS notice, "
        "TIMESTAMP '2026-06-30 11:59' AS occurred_at, 'run' AS run_id",
    )
    arrived = _Collected()
    channels = {"team": Channel("team", arrived, ChannelOptions())}
    outbox = OutboxResource(path=str(tmp_path / "outbox.sqlite"))
    sensor = delivery_sensor(lambda: channels, snapshot)
    with ticking(sensor, SetClock(), outbox=outbox) as tick:
        first = tick()
        assert arrived.keys == ["a"]
        assert first.skip_message.startswith("1 events were left unmirrored; 1 sent")
        assert tick().skip_message.startswith("0 sent")
        publish(snapshot)
        assert tick().run_requests == []
        assert arrived.keys == ["a"], "one delivery per event"


def test_sensors_say_what_fires_and_what_resets_them(snapshot: Path) -> None:
    for sensor in (
        lead_response_sensor(RULE, snapshot, "pulse"),
        threshold_sensor(THRESHOLD, snapshot, "rules"),
    ):
        assert "Fires when" in (sensor.description or "")
        assert "Resets when" in (sensor.description or "")
    relay = delivery_sensor(dict, snapshot)
    assert (relay.minimum_interval_seconds or 99) <= 15


def test_a_source_that_stands_still_is_not_asked_for_whenever_another_moves() -> None:
    stale = Deadline("old", at=NOON, judged_at=NOON - timedelta(hours=1))
    first = decide("sla", [stale], NOON, Asked(), is_underway=False)
    assert first.run_key
    moving = Deadline("new", at=NOON + timedelta(days=1), judged_at=NOON + timedelta(seconds=20))
    after = NOON + timedelta(seconds=30)
    assert not decide("sla", [stale, moving], after, first.asked, is_underway=False).run_key
    later = NOON + timedelta(seconds=61)
    assert decide("sla", [stale, moving], later, first.asked, is_underway=False).run_key
