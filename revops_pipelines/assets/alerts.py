"""Rules judged and told inside the run that computed their numbers.

Belongs here: what Dagster sees of alerting: one asset per rule, and the delivery. Does not: judging
(`engine.alerts`), or any channel.

A rule's events are committed in the warehouse; the delivery copies them into the outbox by their
ids and sends what is due. If the run dies between the two, the relay sensor does both later.
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from revops_pipelines.engine.alerts.declaration import Evaluation, Rule, RuleOptions
from revops_pipelines.engine.alerts.episodes import mirror_standing
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox_facts import record_outbox
from revops_pipelines.engine.alerts.record import record_actions, record_messages
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.engine.alerts.rule_settings import is_shadowed, record_settings
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.engine.alerts.upkeep import prune
from revops_pipelines.engine.factories.metadata import table
from revops_pipelines.engine.needs import Clock, Warehouse

LAYER = "alerts"
DELIVERY_KEY = dg.AssetKey([LAYER, "delivery"])
EVALUATED_CHECK = "evaluated"
LONG_TABLE = "metrics.metric_values"
_KEPT_BY_RUNS = {"ops.fields", "ops.loads", "ops.quarantine", "ops.source_calls"}
# What was told longer ago than this leaves the outbox; the warehouse keeps every event.
KEPT = timedelta(days=90)
# People wait for these: they go before whatever else could be built next.
_GOES_FIRST = {"dagster/priority": "1"}


def alert_key(rule: str) -> dg.AssetKey:
    """The asset key of a rule: `alerts/<rule>`."""
    return dg.AssetKey([LAYER, rule])


def alert_asset(
    rule: Rule, options: RuleOptions, available: frozenset[dg.AssetKey]
) -> dg.AssetsDefinition:
    """The asset of one rule; its materialization counts what fired, resolved and stays open."""
    key = alert_key(rule.name)
    inputs = _inputs(rule, available)

    @dg.asset(
        key=key,
        deps=sorted(inputs),
        description=f"**{rule.title}**\n\n{rule.meaning}\n\nWhat to do: {rule.what_to_do}",
        group_name=LAYER,
        owners=[f"team:{options.owner or rule.owner}"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse", "clock", "outbox"},
        op_tags=_GOES_FIRST,
        check_specs=[
            dg.AssetCheckSpec(
                EVALUATED_CHECK,
                asset=key,
                description="The rule could be judged: its inputs are there and complete enough.",
            )
        ],
        metadata={
            "severity": options.severity or rule.severity,
            "runbook": rule.runbook,
            "options": dg.MetadataValue.json(options.model_dump(mode="json")),
            "sql": dg.MetadataValue.md(f"```sql\n{rule.sql}\n```"),
        },
    )
    def evaluate(context: dg.AssetExecutionContext) -> Iterator[Any]:
        warehouse: Warehouse = context.resources.warehouse
        clock: Clock = context.resources.clock
        with warehouse.get_connection() as connection:
            now, run_id = clock.now(), context.run.run_id
            with context.resources.outbox.opened() as outbox:
                record_actions(outbox, connection)
            record_settings(connection, rule, options, now, run_id)
            shadowed = is_shadowed(connection, rule, options, now)
            result = evaluate_rule(connection, rule, options, now, run_id, is_shadow=shadowed)
        metadata = {**_counts(result), "is_shadowed": shadowed}
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=EVALUATED_CHECK,
            passed=not result.problem,
            severity=dg.AssetCheckSeverity.ERROR,
            description=result.problem or f"{result.evaluated} judged",
        )

    return evaluate


def _inputs(rule: Rule, available: frozenset[dg.AssetKey]) -> set[dg.AssetKey]:
    """The assets that must be built before the rule is judged.

    The long table belongs to all metrics, so a rule that reads it waits for all of them; what is
    kept of loads and broken records is complete once all entities are built.
    """
    inputs = {dg.AssetKey(list(name.split(".", 1))) for name in rule.inputs} & available
    if LONG_TABLE in rule.inputs:
        inputs |= {key for key in available if key.path[0] == "metrics"}
    if _KEPT_BY_RUNS & set(rule.inputs):
        inputs |= {key for key in available if key.path[0] == "conformed"}
    return inputs


def delivery_asset(rules: Sequence[str]) -> dg.AssetsDefinition:
    """`alerts/delivery`: committed events go into the outbox, and out to people."""

    @dg.asset(
        key=DELIVERY_KEY,
        deps=[alert_key(rule) for rule in rules],
        description="Copies committed events into the outbox and sends what is due.",
        group_name=LAYER,
        owners=["team:revenue-operations"],
        required_resource_keys={"warehouse", "clock", "outbox", "messengers"},
        op_tags=_GOES_FIRST,
    )
    def delivery(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse: Warehouse = context.resources.warehouse
        clock: Clock = context.resources.clock
        messengers = context.resources.messengers
        channels = messengers.channels()
        with context.resources.outbox.opened() as outbox:
            with warehouse.get_connection() as connection:
                ensure_alert_tables(connection)
                copied = mirror_events(connection, outbox)
                mirror_standing(connection, outbox, clock.now())
            sent = deliver(outbox, channels, clock.now, policy=messengers.policy)
            prune(outbox, clock.now() - KEPT)
            with warehouse.get_connection() as connection:
                record_actions(outbox, connection)
                record_messages(outbox, connection, clock.now())
                record_outbox(connection, outbox, rules, clock.now())
        return dg.MaterializeResult(
            metadata={
                "events_copied": copied,
                "messages_sent": sent.sent,
                "events_in_digests": sent.folded,
                "failed_tries": sent.failed,
                "dead_letters": sent.dead,
                "waiting": sent.waiting,
                "channels": table({"channel": "string"}, [{"channel": name} for name in channels]),
            }
        )

    return delivery


def _counts(result: Evaluation) -> Mapping[str, Any]:
    return {
        "fired": result.fired,
        "resolved": result.resolved,
        "still_firing": result.still_firing,
        "judged": result.evaluated,
        "not_judged": result.unevaluated,
    }
