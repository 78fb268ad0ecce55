"""Rows L5 to L7 and P8: from evaluations to messages, over flapping, storms and missing data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from delivery_tools import SetClock, by_name, hook, in_inbox, inbox, receiving, tick_until

from revops_pipelines.engine.alerts.declaration import (
    Evaluation,
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Verdict,
)
from revops_pipelines.engine.alerts.evaluate import RULE_KEY, evaluate_rule
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver


def _detect(rows: Sequence[Row], options: RuleOptions, now: Any) -> list[Finding]:
    verdicts = {None: Verdict.UNKNOWN, True: Verdict.BREACH, False: Verdict.CLEAR}
    notice = Notice("late", "someone", now, "waiting", "one hour")
    return [
        Finding(row["lead"], verdicts[row["is_late"]], notice, is_backlog=row["is_old"])
        for row in rows
    ]


RULE = Rule(
    name="late",
    title="Late",
    owner="ops",
    severity="warning",
    meaning="m",
    what_to_do="do",
    options=RuleOptions,
    inputs=("metrics.leads",),
    never_empty=("metrics.leads",),
    sql="SELECT lead, is_late, is_old FROM metrics.leads ORDER BY lead",
    detect=_detect,
    pulse=True,
)


class House:
    """A warehouse, an outbox and a clock; one evaluation is one run."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = duckdb.connect()
        self.warehouse.execute("CREATE SCHEMA metrics")
        self.create()
        self.outbox: Outbox = open_outbox(folder / "outbox.sqlite")
        self.clock = SetClock()
        self.runs = 0

    def create(self) -> None:
        self.warehouse.execute(
            "CREATE TABLE metrics.leads (lead VARCHAR, is_late BOOLEAN, is_old BOOLEAN)"
        )

    def leads(self, values: str) -> None:
        self.warehouse.execute(f"DELETE FROM metrics.leads; INSERT INTO metrics.leads {values}")

    def run(self, **options: Any) -> Evaluation:
        self.runs += 1
        evaluation = evaluate_rule(
            self.warehouse, RULE, RuleOptions(**options), self.clock.now(), f"run-{self.runs}"
        )
        mirror_events(self.warehouse, self.outbox)
        return evaluation

    def open_keys(self) -> list[str]:
        rows = self.warehouse.execute(
            "SELECT alert_key FROM ops.alert_states WHERE status IN ('firing', 'recovering') "
            "ORDER BY fired_at, alert_key"
        ).fetchall()
        return [key for (key,) in rows]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.outbox.close()
    built.warehouse.close()


def test_l5_a_hundred_flaps_make_two_messages(house: House, tmp_path: Path) -> None:
    channels = by_name(inbox(tmp_path / "inbox"))
    for flap in range(100):
        house.leads(f"VALUES ('a', {flap % 2 == 0}, FALSE), ('b', FALSE, FALSE)")
        house.run(keep_minutes=30)
        deliver(house.outbox, channels, house.clock.now)
        house.clock.advance(minutes=5)
    for _ in range(10):
        house.run(keep_minutes=30)
        deliver(house.outbox, channels, house.clock.now)
        house.clock.advance(minutes=5)
    assert [message["kind"] for message in in_inbox(tmp_path / "inbox")] == ["fired", "resolved"]


def test_l5_at_most_one_fire_and_one_resolve_in_any_keep_window(house: House) -> None:
    for minute in range(0, 1200, 10):
        house.leads(f"VALUES ('a', {minute % 50 < 10}, FALSE)")
        house.run(keep_minutes=30)
        house.clock.advance(minutes=10)
    told = house.warehouse.execute(
        "SELECT kind, occurred_at FROM ops.alert_events ORDER BY event_seq"
    ).fetchall()
    assert len(told) > 10, "these are separate episodes"
    for kind in ("fired", "resolved"):
        times = [at for told_kind, at in told if told_kind == kind]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(gap.total_seconds() >= 30 * 60 for gap in gaps)


def test_l6_ten_thousand_breaches_at_once(house: House, tmp_path: Path) -> None:
    house.leads("SELECT 'lead-' || i, TRUE, FALSE FROM range(10_000) AS t(i)")
    with receiving() as receiver:
        channels = by_name(inbox(tmp_path / "inbox"), hook("team", receiver.url))
        assert house.run().fired == 10_000
        for minute in range(0, 60, 20):
            # They are answered a few at a time, and new ones come late.
            house.leads(
                f"SELECT 'lead-' || i, i >= {minute * 40}, FALSE "
                f"FROM range({10_000 + minute * 20}) AS t(i)"
            )
            house.run(keep_minutes=0)
            tick_until(house.outbox, channels, house.clock, seconds=1200, every=120)
        committed = {
            row[0]
            for row in house.warehouse.execute("SELECT event_id FROM ops.alert_events").fetchall()
        }
        assert len(in_inbox(tmp_path / "inbox")) <= 5
        assert receiver.requests <= 5
        tick_until(house.outbox, channels, house.clock, seconds=3600, every=300)
        assert set(receiver.events) == committed, "every id is in a digest"
        assert len(receiver.events) == len(committed), "and in one only"
    in_files = [name for message in in_inbox(tmp_path / "inbox") for name in message["folded"]]
    assert sorted(in_files) == sorted(committed)


def test_l6_a_backlog_is_one_digest_and_new_breaches_stay_single(
    house: House, tmp_path: Path
) -> None:
    channels = by_name(inbox(tmp_path))
    house.leads("SELECT 'old-' || i, TRUE, TRUE FROM range(500) AS t(i)")
    house.run()
    deliver(house.outbox, channels, house.clock.now)
    house.clock.advance(minutes=1)
    house.leads(
        "SELECT 'old-' || i, i > 3, TRUE FROM range(500) AS t(i) UNION ALL "
        "SELECT 'new-' || i, TRUE, FALSE FROM range(3) AS t(i)"
    )
    house.run(keep_minutes=0)
    tick_until(house.outbox, channels, house.clock, seconds=1200, every=60)
    kinds = [message["kind"] for message in in_inbox(tmp_path)]
    assert kinds.count("fired") == 3, "alerts of now come alone and at once"
    assert kinds.count("digest") == 2, "the backlog, then those of it that ended"


def test_l6_single_messages_are_capped_per_hour(house: House, tmp_path: Path) -> None:
    channels = by_name(inbox(tmp_path, messages_per_hour=6))
    for place in range(30):
        house.leads(f"SELECT 'lead-' || i, TRUE, FALSE FROM range({place + 1}) AS t(i)")
        house.run()
        tick_until(house.outbox, channels, house.clock, seconds=60, every=30)
    messages = in_inbox(tmp_path)
    assert sum(message["kind"] == "fired" for message in messages) == 6
    assert sum(message["kind"] == "digest" for message in messages) <= 4


def test_l7_missing_table_resolves_nothing_and_raises_one_stale_alert(
    house: House, tmp_path: Path
) -> None:
    channels = by_name(inbox(tmp_path))
    house.leads("VALUES ('a', TRUE, FALSE)")
    house.run(keep_minutes=0)
    house.warehouse.execute("DROP TABLE metrics.leads")
    for _ in range(12):
        house.clock.advance(minutes=5)
        evaluation = house.run(keep_minutes=0)
        assert evaluation.problem == "metrics.leads is missing"
        assert evaluation.resolved == 0
        deliver(house.outbox, channels, house.clock.now)
    assert house.open_keys() == ["a", RULE_KEY]
    titles = [message["title"] for message in in_inbox(tmp_path)]
    assert titles == ["late", "Late: cannot be judged"]

    house.create()
    house.leads("VALUES ('a', TRUE, FALSE)")
    house.clock.advance(minutes=5)
    house.run(keep_minutes=0)
    deliver(house.outbox, channels, house.clock.now)
    assert house.open_keys() == ["a"]
    assert [message["title"] for message in in_inbox(tmp_path)][-1].startswith("Resolved")


@pytest.mark.parametrize(
    ("leads", "problem"),
    [
        ("SELECT 'a', TRUE, FALSE WHERE FALSE", "metrics.leads holds no data"),
        ("VALUES ('a', NULL, FALSE), ('b', FALSE, FALSE)", "1 of 2 subjects could not be judged"),
    ],
)
def test_l7_no_data_resolves_nothing(house: House, leads: str, problem: str) -> None:
    house.leads("VALUES ('a', TRUE, FALSE), ('b', TRUE, FALSE)")
    house.run(keep_minutes=0)
    house.leads(leads)
    house.clock.advance(minutes=5)
    evaluation = house.run(keep_minutes=0)
    assert evaluation.problem == problem
    assert (evaluation.resolved, evaluation.still_firing) == (0, 2)


def test_l7_one_unknown_among_many_holds_only_itself(house: House) -> None:
    house.leads("SELECT 'k' || i, TRUE, FALSE FROM range(10) AS t(i)")
    house.run(keep_minutes=0)
    house.leads("SELECT 'k' || i, IF(i = 0, NULL, FALSE), FALSE FROM range(10) AS t(i)")
    house.clock.advance(minutes=5)
    evaluation = house.run(keep_minutes=0)
    assert (evaluation.problem, evaluation.resolved, evaluation.unevaluated) == ("", 9, 1)
    assert house.open_keys() == ["k0"]


def test_l7_error_in_the_sql_resolves_nothing(house: House) -> None:
    house.leads("VALUES ('a', TRUE, FALSE)")
    house.run(keep_minutes=0)
    house.warehouse.execute("ALTER TABLE metrics.leads DROP COLUMN is_late")
    house.clock.advance(minutes=5)
    evaluation = house.run(keep_minutes=0)
    assert evaluation.problem == "its SQL failed: BinderException"
    assert house.open_keys() == ["a"]


def test_p8_evaluating_twice_commits_no_second_event(house: House) -> None:
    house.leads("VALUES ('a', TRUE, FALSE)")
    assert house.run().fired == 1
    again = house.run()
    assert (again.fired, again.still_firing) == (0, 1)
    [[events]] = house.warehouse.execute("SELECT count(*) FROM ops.alert_events").fetchall()
    assert events == 1


def test_events_left_behind_by_a_warehouse_built_anew_are_not_taken_for_old_ones(
    house: House, tmp_path: Path
) -> None:
    channels = by_name(inbox(tmp_path))
    house.leads("VALUES ('a', TRUE, FALSE)")
    house.run()
    house.warehouse.execute("DROP SCHEMA ops CASCADE")
    house.clock.advance(days=1)
    house.run()
    deliver(house.outbox, channels, house.clock.now)
    assert len(in_inbox(tmp_path)) == 2
