"""Judges a rule and commits what changed, in one transaction of the warehouse."""

from __future__ import annotations

from datetime import datetime

import duckdb

from revops_pipelines.engine.alerts.declaration import Evaluation, Rule, RuleOptions


def evaluate_rule(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    options: RuleOptions,
    now: datetime,
    run_id: str,
) -> Evaluation:
    """Judge every subject of `rule` at `now` and commit events and states together."""
    raise NotImplementedError
