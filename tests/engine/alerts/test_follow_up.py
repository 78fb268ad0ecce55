"""Told again, passed on, acknowledged, snoozed, silenced: timelines on a clock that is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from revops_pipelines.engine.alerts.actions import ActionError, Asked, lift, perform, silence
from revops_pipelines.engine.alerts.channel import (
    Channel,
    ChannelOptions,
    Message,
    QuietHours,
    UnreachableError,
)
from revops_pipelines.engine.alerts.declaration import Finding, Notice, Rule, RuleOptions, Verdict
from revops_pipelines.engine.alerts.desk import actions_log, open_episodes, standing_of
from revops_pipelines.engine.alerts.episodes import mirror_standing
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.follow_up import Policy
from revops_pipelines.engine.alerts.lifecycle import Standing, Verb
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.engine.alerts.people import Directory, Person, receiver_of
from revops_pipelines.engine.alerts.record import record_actions, record_messages
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.engine.alerts.upkeep import prune
from revops_pipelines.engine.metrics.business_time import WorkingHours

# A Tuesday.
START = datetime(2026, 6, 30, 12, tzinfo=UTC)
HOURS = WorkingHours("UTC", ("mon", "tue", "wed", "thu", "fri"), "09:00", "17:00")
ANA, TOM, OPS = "ana@example.com", "tom@example.com", "ops@example.com"
PEOPLE = Directory(
    people={
        ANA: Person(ANA, "Ana Diaz", "SDR", hours=HOURS),
        TOM: Person(TOM, "Tom Lead", "SDR", hours=HOURS),
    },
    leads={"SDR": TOM},
    fallback=OPS,
    hours={"default": HOURS},
)
POLICY = Policy(
    directory=PEOPLE,
    repeat={"warning": timedelta(hours=24), "critical": timedelta(hours=4)},
    pass_on={
        "warning": (timedelta(hours=4), timedelta(hours=8)),
        "critical": (timedelta(minutes=30), timedelta(minutes=60)),
    },
)


@dataclass
class Wire:
    """What arrived: (hours since the start, kind, alert key, for whom)."""

    clock: list[datetime]
    arrived: list[tuple[float, str, str, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    is_down: bool = False

    def send(self, message: Message) -> None:
        if self.is_down:
            raise UnreachableError("down")
        hours = (self.clock[0] - START).total_seconds() / 3600
        self.messages.append(message)
        for told in message.events:
            receiver = receiver_of(told.notice)
            whom = receiver.email if receiver else ""
            self.arrived.append((round(hours, 2), told.kind, told.key, whom))

    def kinds(self) -> list[tuple[float, str, str]]:
        """(hours, kind, for whom)"""
        return [(hours, kind, whom) for hours, kind, _, whom in self.arrived]


@dataclass
class Office:
    """An outbox, a clock, one channel and a policy."""

    outbox: Outbox
    clock: list[datetime]
    wire: Wire
    policy: Policy = POLICY
    options: ChannelOptions = field(default_factory=ChannelOptions)

    def fire(self, key: str = "a", kind: str = "fired", **more: Any) -> None:
        mirror_events([self.row(key, kind, **more)], self.outbox)

    def row(self, key: str, kind: str = "fired", **more: Any) -> dict[str, Any]:
        notice = {
            "headline": f"{key} is late",
            "owner": "Ana Diaz",
            "team": "SDR",
            **more.pop("notice", {}),
        }
        row = {
            "event_id": f"{key}-{more.get('episode', 1)}-{kind}",
            "rule": "late",
            "rule_title": "Late",
            "alert_key": key,
            "episode": 1,
            "kind": kind,
            "severity": "warning",
            "is_backlog": False,
            "notice": notice,
            "occurred_at": self.clock[0],
        }
        return row | more

    def tick(self) -> None:
        channels = {"team": Channel("team", self.wire, self.options)}
        deliver(self.outbox, channels, lambda: self.clock[0], policy=self.policy, limit=10_000)

    def run(self, hours: float, every: float = 0.5) -> None:
        """Ticks over so many hours."""
        for _ in range(int(hours / every)):
            self.tick()
            self.clock[0] += timedelta(hours=every)
        self.tick()

    def do(self, verb: Verb, key: str = "a", **more: Any) -> str:
        asked = Asked(verb, "late", key, by="ana", via="test", **more)
        return perform(self.outbox, asked, self.clock[0]).said


@pytest.fixture
def office() -> Iterator[Office]:
    engine = sa.create_engine(
        "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
    )
    outbox = Outbox(engine)
    clock = [START]
    yield Office(outbox, clock, Wire(clock))
    outbox.close()


def test_owner_then_lead_then_fallback_in_working_time(office: Office) -> None:
    office.fire()
    office.run(30, every=1)
    assert office.wire.kinds() == [
        (0, "fired", ANA),
        (4, "passed_on", TOM),  # 16:00, four working hours later
        (28, "passed_on", OPS),  # one hour is left today, seven more tomorrow: 16:00
    ]
    why = receiver_of(office.wire.messages[1].events[0].notice)
    assert why is not None and why.why == "Ana Diaz has not acknowledged it for 4 h 00 min"


def test_critical_is_passed_on_around_the_clock_and_told_every_four_hours(office: Office) -> None:
    office.clock[0] = START + timedelta(hours=8)
    office.fire(severity="critical")
    office.run(10)
    assert office.wire.kinds() == [
        (8, "fired", ANA),
        (8.5, "passed_on", TOM),
        (9.5, "passed_on", OPS),
        (13.5, "repeated", OPS),
        (17.5, "repeated", OPS),
    ]


def test_an_acknowledgement_stops_it_all(office: Office) -> None:
    office.fire()
    office.run(3)
    assert office.do(Verb.ACK) == "acknowledged"
    assert office.do(Verb.ACK) == "acknowledged before, by ana"
    office.run(72, every=12)
    assert office.wire.kinds() == [(0, "fired", ANA)]
    office.fire(kind="escalated", severity="critical")
    office.run(1)
    assert [kind for _, kind, _ in office.wire.kinds()] == ["fired", "escalated", "passed_on"]


def test_told_again_after_its_interval_and_never_more_often(office: Office) -> None:
    office.policy = replace(POLICY, pass_on={}, most_repeats=3)
    office.fire()
    office.run(24 * 6, every=6)
    assert [hours for hours, _, _ in office.wire.kinds()] == [0, 24, 48, 72]


def test_the_interval_counts_from_when_it_arrived(office: Office) -> None:
    office.policy = replace(POLICY, pass_on={})
    office.fire()
    office.wire.is_down = True
    office.run(10, every=0.5)
    office.wire.is_down = False
    office.run(26, every=2)
    assert office.wire.kinds() == [(12, "fired", ANA), (36, "repeated", ANA)]


def test_rules_may_say_otherwise(office: Office) -> None:
    office.policy = replace(
        POLICY, rule_repeat={"late": timedelta(hours=2)}, rule_pass_on={"late": ()}
    )
    office.fire()
    office.run(5)
    assert [hours for hours, _, _ in office.wire.kinds()] == [0, 2, 4]
    office.policy = replace(POLICY, rule_repeat={"late": None}, rule_pass_on={"late": ()})
    office.run(72, every=24)
    assert len(office.wire.arrived) == 3


def test_a_snooze_is_silent_until_its_end_and_then_told_if_still_wrong(office: Office) -> None:
    office.fire()
    office.fire("b")
    office.tick()
    for key in "ab":
        office.do(Verb.SNOOZE, key, until=START + timedelta(hours=6))
    office.fire("b", kind="resolved")
    office.run(7)
    assert [(hours, kind, key) for hours, kind, key, _ in office.wire.arrived] == [
        (0, "fired", "a"),
        (0, "fired", "b"),
        (0, "resolved", "b"),
        (6, "repeated", "a"),
    ]


@pytest.mark.parametrize(
    ("notice", "people", "expected"),
    [
        ({}, {"absences": ((date(2026, 6, 29), date(2026, 6, 30)),)}, TOM),
        ({"is_owner_gone": True}, {}, TOM),
        ({"owner": None}, {}, TOM),
        ({"owner": None, "team": None}, {}, OPS),
        ({"owner_email": "new@example.com"}, {}, "new@example.com"),
    ],
)
def test_who_is_away_or_gone_is_passed_over(
    office: Office, notice: dict[str, Any], people: dict[str, Any], expected: str
) -> None:
    ana = replace(PEOPLE.people[ANA], **people)
    directory = replace(PEOPLE, people={**PEOPLE.people, ANA: ana})
    office.policy = replace(POLICY, directory=directory)
    office.fire(notice=notice)
    office.run(1)
    assert [whom for _, _, whom in office.wire.kinds()] == [expected]


def test_resolved_by_hand_is_told_once_and_back_as_a_new_episode(office: Office) -> None:
    rule = Rule("late", "Late", "ops", "warning", "m", "do", RuleOptions, (), "SELECT 1", _breach)
    options = RuleOptions(keep_minutes=60)
    warehouse = duckdb.connect()

    def night() -> None:
        record_actions(office.outbox, warehouse)
        evaluate_rule(warehouse, rule, options, office.clock[0], "run")
        mirror_events(warehouse, office.outbox)
        mirror_standing(warehouse, office.outbox, office.clock[0])

    night()
    office.run(1)
    assert office.do(Verb.RESOLVE, reason="a test lead") == "resolved"
    with pytest.raises(ActionError, match="is not open"):
        office.do(Verb.ACK)
    for _ in range(3):
        night()
        office.run(0.5)
    [[ended]] = warehouse.execute(
        "SELECT json_extract_string(notice, '$.ended') FROM ops.alert_events "
        "WHERE kind = 'resolved'"
    ).fetchall()
    record_messages(office.outbox, warehouse, office.clock[0])
    told = warehouse.execute(
        "SELECT kind, episode, state FROM ops.alert_messages ORDER BY occurred_at"
    ).fetchall()
    warehouse.close()
    assert ended == "resolved by ana: a test lead"
    assert [kind for _, kind, _ in office.wire.kinds()] == ["fired", "resolved", "fired"]
    assert told == [("fired", 1, "sent"), ("resolved", 1, "sent"), ("fired", 2, "sent")]


def test_an_acknowledgement_shows_in_the_warehouse(office: Office) -> None:
    rule = Rule("late", "Late", "ops", "warning", "m", "do", RuleOptions, (), "SELECT 1", _breach)
    warehouse = duckdb.connect()
    for _ in range(2):
        record_actions(office.outbox, warehouse)
        evaluate_rule(warehouse, rule, RuleOptions(), office.clock[0], "run")
        mirror_events(warehouse, office.outbox)
        office.tick()
        office.do(Verb.ACK)
        office.clock[0] += timedelta(minutes=5)
    rows = warehouse.execute("SELECT standing, handled_by FROM ops.alert_states").fetchall()
    actions = warehouse.execute("SELECT verb, asked_by, via FROM ops.alert_actions").fetchall()
    warehouse.close()
    assert rows == [("acknowledged", "ana")]
    assert actions == [("ack", "ana", "test")]


def test_what_is_recovering_or_without_data_is_not_told_again(office: Office) -> None:
    office.fire()
    office.tick()
    warehouse = duckdb.connect()
    warehouse.execute("CREATE SCHEMA ops")
    warehouse.execute(
        "CREATE TABLE ops.alert_states AS SELECT 'late' AS rule, 'a' AS alert_key, 1 AS episode, "
        "'firing' AS status, 'no_data' AS doubt"
    )
    assert mirror_standing(warehouse, office.outbox, office.clock[0]) == 1
    office.run(48, every=8)
    assert len(office.wire.arrived) == 1
    [row] = open_episodes(office.outbox)
    assert standing_of(row, office.clock[0]) is Standing.NO_DATA
    warehouse.execute("UPDATE ops.alert_states SET doubt = ''")
    mirror_standing(warehouse, office.outbox, office.clock[0])
    warehouse.close()
    office.run(1)
    assert [kind for _, kind, _ in office.wire.kinds()] == ["fired", "passed_on"]


def test_l11_what_is_wrong_when_a_silence_ends_is_told_then(office: Office) -> None:
    identity = silence(
        office.outbox,
        starts_at=START,
        ends_at=START + timedelta(hours=5),
        reason="the fair",
        asked_by="ops",
        rule="late",
    )
    office.fire()
    office.fire("b")
    office.fire("b", kind="resolved")
    office.run(4)
    assert office.wire.arrived == []
    office.run(2)
    assert [(hours, kind, key) for hours, kind, key, _ in office.wire.arrived] == [
        (5, "repeated", "a")
    ]
    assert lift(office.outbox, identity, office.clock[0]) is False, "it had ended"
    with pytest.raises(ActionError, match="no silence"):
        lift(office.outbox, "unknown", office.clock[0])


def test_l11_a_lifted_silence_tells_at_once(office: Office) -> None:
    span = {"starts_at": START, "ends_at": START + timedelta(days=5)}
    identity = silence(office.outbox, reason="fair", asked_by="ops", key_prefix="a", **span)
    silence(office.outbox, reason="one", asked_by="ops", key_prefix="b", is_exact=True, **span)
    for key in ("a", "b", "bc"):
        office.fire(key)
    office.tick()
    assert [key for _, _, key, _ in office.wire.arrived] == ["bc"]
    assert lift(office.outbox, identity, office.clock[0], asked_by="ops", reason="over")
    office.run(0.5)
    assert [key for _, _, key, _ in office.wire.arrived] == ["bc", "a"]
    assert [row["verb"] for row in actions_log(office.outbox, 10)] == [
        "unsilence",
        "silence",
        "silence",
    ]


def test_l11_a_receivers_quiet_hours_hold_what_goes_to_them_alone(office: Office) -> None:
    quiet = QuietHours(starts="18:00", ends="08:00", time_zone="Europe/Madrid")
    ana = replace(PEOPLE.people[ANA], quiet=quiet)
    office.policy = Policy(replace(PEOPLE, people={ANA: ana}))
    office.options = ChannelOptions(personal=True)
    office.clock[0] = START + timedelta(hours=5)  # 19:00 in Madrid
    office.fire()
    office.fire("b", severity="critical")
    office.run(14, every=1)
    assert [(hours, key) for hours, _, key, _ in office.wire.arrived] == [(5, "b"), (18, "a")]


def test_a_backlog_is_told_once(office: Office) -> None:
    office.fire(is_backlog=True)
    office.run(100, every=20)
    assert len(office.wire.arrived) == 1


def test_what_happened_and_does_not_last_is_told_once(office: Office) -> None:
    office.fire(severity="critical", notice={"is_momentary": True})
    office.run(48, every=12)
    assert len(office.wire.arrived) == 1
    assert open_episodes(office.outbox) == []


def test_p15_three_days_down_are_caught_up_by_one_message_each(office: Office) -> None:
    office.policy = replace(POLICY, pass_on={})
    office.fire("open", severity="critical")
    office.tick()
    for hours in range(0, 72, 12):
        office.clock[0] = START + timedelta(hours=hours)
        office.fire(f"old-{hours}", severity="info")
    office.clock[0] = START + timedelta(hours=72)
    office.fire("now")
    office.wire.arrived.clear()
    office.wire.messages.clear()
    office.run(1)
    singles = [message for message in office.wire.messages if not message.is_digest]
    digests = [message for message in office.wire.messages if message.is_digest]
    assert {(told.key, told.kind) for each in singles for told in each.events} == {
        ("open", "repeated"),
        ("now", "fired"),
        ("old-48", "fired"),
        ("old-60", "fired"),
    }
    assert [sorted(told.key for told in each.events) for each in digests] == [
        ["old-0", "old-12", "old-24", "old-36"]
    ]


def test_p14_a_clock_that_jumps_repeats_nothing_and_stops_nothing(office: Office) -> None:
    office.policy = replace(POLICY, pass_on={})
    office.fire()
    office.tick()
    office.clock[0] = START - timedelta(days=3)
    office.run(30, every=3)
    assert [kind for _, kind, _ in office.wire.kinds()] == ["fired", "repeated"]
    office.clock[0] = START + timedelta(days=400)
    office.run(2)
    assert [kind for _, kind, _ in office.wire.kinds()] == ["fired", "repeated", "repeated"]


def test_one_message_for_what_a_run_finds_for_one_owner(office: Office) -> None:
    for key in ("a", "b", "c"):
        office.fire(key, run_id="run-1")
    office.fire("d", run_id="run-1", notice={"owner": "Bo Ek"})
    office.fire("e", run_id="run-2")
    office.tick()
    sizes = sorted(len(message.events) for message in office.wire.messages)
    assert sizes == [1, 1, 3]
    office.fire("a", kind="resolved")
    office.tick()
    assert office.wire.messages[-1].events[0].kind == "resolved"


def test_digests_by_team(office: Office) -> None:
    office.options = ChannelOptions(digest_by_team=True)
    for place in range(6):
        team = {"notice": {"team": ("SDR", "AE")[place % 2]}}
        office.fire(f"k{place}", is_backlog=True, **team)
    office.tick()
    teams = [{told.notice["team"] for told in message.events} for message in office.wire.messages]
    assert sorted(map(tuple, teams)) == [("AE",), ("SDR",)]


def test_l6_the_breaker_lets_only_critical_alerts_through_alone(office: Office) -> None:
    office.policy = Policy()
    rows = [office.row(f"k{place}") for place in range(120)]
    mirror_events(rows, office.outbox)
    office.tick()
    office.clock[0] += timedelta(minutes=5)
    for key, severity in (("a", "warning"), ("b", "critical"), ("c", "warning")):
        office.fire(key, severity=severity)
    office.tick()
    alone = [message for message in office.wire.messages if not message.is_digest]
    assert [message.events[0].key for message in alone] == ["b"]
    office.run(2)
    assert len(office.wire.arrived) == 123


def test_channels_may_be_told_of_actions(office: Office) -> None:
    office.options = ChannelOptions(tell_actions=True)
    office.fire()
    office.tick()
    office.do(Verb.ACK, reason="on it")
    office.tick()
    last = office.wire.messages[-1].events[0]
    assert (last.kind, last.notice["handled"]) == ("acknowledged", "acknowledged by ana: on it")


def test_the_same_wish_is_done_once_and_ended_ones_are_refused(office: Office) -> None:
    office.fire()
    office.tick()
    assert office.do(Verb.SNOOZE, until=START + timedelta(hours=1), action_id="x")
    assert office.do(Verb.RESOLVE, action_id="x") == "done before, by ana"
    with pytest.raises(ActionError, match="ends in the future"):
        office.do(Verb.SNOOZE, until=START)
    with pytest.raises(ActionError, match="90 days"):
        office.do(Verb.SNOOZE, until=START + timedelta(days=91))
    with pytest.raises(ActionError, match="no alert late/zzz"):
        office.do(Verb.ACK, "zzz")


def test_an_outbox_of_an_earlier_version_is_adopted(office: Office) -> None:
    office.fire()
    office.fire("b")
    office.fire("b", kind="resolved")
    office.tick()
    with office.outbox.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM episodes")
        connection.exec_driver_sql("ALTER TABLE silences DROP COLUMN is_exact")
    again = Outbox(office.outbox._engine)
    Office(again, office.clock, office.wire).tick()
    assert [row["alert"] for row in open_episodes(again)] == ["late/a"]
    assert perform(again, Asked(Verb.ACK, "late", "a", "ana", "test"), START).is_new


def test_pruning_keeps_what_is_open(office: Office) -> None:
    office.fire()
    office.fire("b")
    office.tick()
    office.fire("b", kind="resolved")
    office.tick()
    assert prune(office.outbox, START + timedelta(days=1)) == 2
    assert [row["alert"] for row in open_episodes(office.outbox)] == ["late/a"]


def _breach(rows: Sequence[Any], options: Any, now: datetime) -> list[Finding]:
    return [Finding("a", Verdict.BREACH, Notice("a is late", "a", START, "late", "in time"))]


def test_what_a_team_owns_is_for_its_lead() -> None:
    [first, last] = PEOPLE.chain({"owner": "SDR", "team": "SDR"}, START)
    assert (first.email, first.role, first.why) == (TOM, "owner", "")
    assert last.email == OPS
