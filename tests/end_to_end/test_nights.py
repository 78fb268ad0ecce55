"""Nights after the first, and nights in which a system is down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import pytest
from whole_nights import ANCHOR, run_job, simulated_settings

from revops_pipelines.engine.warehouse.snapshot import open_snapshot
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.faults import answer
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.world import World

SLOW_TO_COMPARE = ("computed_at", "_updated_at")
COMPARED = (
    "metrics.metric_values",
    "metrics.mrr_movements",
    "metrics.speed_to_lead",
    "conformed.leads",
    "conformed.activities",
    "conformed.opportunities",
    "conformed.opportunity_stage_history",
    "conformed.subscription_periods",
    "conformed.invoices",
    "conformed.touchpoints",
)


def contents(settings, table: str) -> list[str]:
    """Every row of a published table as text, in order, without the time of computing."""
    with open_snapshot(settings.published_path) as connection:
        columns = [
            row[0]
            for row in connection.execute(f"DESCRIBE {table}").fetchall()
            if row[0] not in SLOW_TO_COMPARE
        ]
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = connection.execute(f"SELECT {listed} FROM {table}").fetchall()
    return sorted(map(repr, rows))


def failed_steps(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.step_key for event in result.all_events if event.is_step_failure]


@dataclass(frozen=True)
class Story:
    """A night in which one system refuses, the same night again, and a pulse five days later."""

    refused: dg.ExecuteInProcessResult
    mended: dg.ExecuteInProcessResult
    answers: list[str]
    movements: list[str]
    later_answers: list[str]
    known_at: date


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, small_world: World) -> Story:
    """One that is refused for good: the client does not wait, the step is not tried again."""
    settings = simulated_settings(tmp_path_factory.mktemp("state"))
    with running(
        world=small_world,
        anchor=ANCHOR,
        clock=SandboxClock(opening(ANCHOR)),
        options=Options(limits=False),
    ) as sandbox:
        no = answer(403, b'{"error": {"type": "invalid_request_error", "message": "no"}}')
        sandbox.faults["stripe"].next(no, path="/v1/invoices", times=None)
        refused = run_job(settings, sandbox, "nightly")
        sandbox.faults["stripe"].clear()
        mended = run_job(settings, sandbox, "nightly")
        answers = contents(settings, "metrics.speed_to_lead")
        movements = contents(settings, "metrics.mrr_movements")
        sandbox.clock.advance(timedelta(days=5))
        assert run_job(settings, sandbox, "pulse").success
    with open_snapshot(settings.published_path) as connection:
        known = connection.execute("SELECT as_of_at FROM ops.parameters").fetchall()[0][0]
    return Story(
        refused,
        mended,
        answers,
        movements,
        contents(settings, "metrics.speed_to_lead"),
        known.date(),
    )


def test_a_system_that_fails_leaves_the_others(story):
    assert failed_steps(story.refused) == ["raw__stripe"]
    built = {key.to_user_string() for key in materialized(story.refused)}
    assert {"raw/hubspot/contacts", "raw/marketo/leads", "metrics/speed_to_lead"} <= built
    assert "raw/stripe/customers" in built, "streams that came through are kept"
    assert "raw/stripe/invoices" not in built
    assert "metrics/mrr" not in built, "nothing is computed from half a source"


def test_the_next_run_makes_up_for_it(story):
    assert story.mended.success, "its cursor had not moved"
    assert story.movements


def test_the_pulse_keeps_the_response_table_fresh(story):
    assert story.later_answers != story.answers
    assert story.known_at == ANCHOR + timedelta(days=5)


def materialized(result: dg.ExecuteInProcessResult) -> list[dg.AssetKey]:
    return [
        event.asset_key
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key
    ]


@pytest.mark.thorough
def test_nights_one_by_one_give_what_one_night_gives(tmp_path, open_sandbox):
    """Full rebuild = incremental, at the level of what people read (identity 5)."""
    step_by_step = simulated_settings(tmp_path / "steps")
    at_once = simulated_settings(tmp_path / "once")
    with open_sandbox(clock=SandboxClock(opening(ANCHOR))) as sandbox:
        assert run_job(step_by_step, sandbox, "nightly").success
        for _ in range(2):
            sandbox.clock.advance(timedelta(days=3))
            assert run_job(step_by_step, sandbox, "nightly").success
        assert run_job(at_once, sandbox, "nightly").success
    apart = [
        table for table in COMPARED if contents(step_by_step, table) != contents(at_once, table)
    ]
    assert apart == []
