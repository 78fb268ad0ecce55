"""`revops alerts rules`: the rules in force, whose they are, by which settings, since when.

Belongs here: reading and showing them. Does not: judging.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.commands.query import opened
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.in_force import InForce, rules_in_force
from revops_pipelines.engine.alerts.rule_settings import (
    Version,
    effective,
    shadowed_until,
    versions,
)
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.engine.registry import discover
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import Settings


def list_rules(out: Console, name: str | None, *, as_json: bool) -> None:
    """All rules, a line each; or one with its settings and how they changed.

    Raises CommandError for an unknown rule.
    """
    settings = settings_or_fail()
    files = discover(rule_plugins, Rule, settings.plugins.folder)
    metrics = discover(metric_plugins, Metric, settings.plugins.folder)
    known = rules_in_force(files, settings.rules, metrics.values())
    if name is not None and name not in known:
        raise CommandError(f"there is no rule {name!r}; {nearest(name, known)}", code=MISCONFIGURED)
    recorded, known_at = _recorded(settings)
    wanted = {name: known[name]} if name else known
    told = [
        _plain(each, [version for version in recorded if version.rule == each.rule.name], known_at)
        for each in wanted.values()
    ]
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
    elif name:
        _show_one(out, told[0])
    else:
        out.print(_table(told))


def _recorded(settings: Settings) -> tuple[list[Version], datetime | None]:
    """What is published of the rules' settings, and as of when; nothing before the first night."""
    if not settings.published_path.is_file():
        return [], None
    with opened(settings.published_path) as connection:
        rows = connection.execute("SELECT as_of_at FROM ops.parameters").fetchall()
        known_at = rows[0][0].replace(tzinfo=UTC) if rows else None
        return versions(connection), known_at


def _plain(each: InForce, known: list[Version], known_at: datetime | None) -> dict[str, Any]:
    rule, options = each.rule, each.options
    until = shadowed_until(options, known)
    settings = effective(rule, options)
    is_pending = bool(known) and known[-1].settings != settings
    return {
        "rule": rule.name,
        "title": rule.title,
        "owner": settings["owner"],
        "severity": settings["severity"],
        "is_enabled": options.enabled,
        "judged": "by a sensor" if rule.judged_by == "sensor" else _when(rule),
        "shadowed_until": until if until and (known_at is None or known_at < until) else None,
        "in_force_since": known[-1].valid_from_at if known and not is_pending else None,
        "is_pending": is_pending,
        "runbook": rule.runbook,
        "settings": settings,
        "changes": _changes(known),
    }


def _when(rule: Rule) -> str:
    return "by pulses" if rule.pulse else "nightly"


def _changes(known: list[Version]) -> list[dict[str, Any]]:
    """What each version changed of the one before; the first names nothing."""
    found = []
    for before, after in zip([None, *known], known, strict=False):
        changed = {
            key: [before.settings.get(key), value]
            for key, value in (after.settings.items() if before else ())
            if before and before.settings.get(key) != value
        }
        found.append({"since": after.valid_from_at, "changed": changed, "run_id": after.run_id})
    return found


def _table(told: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("rule", "severity", "owner", "judged", "told", "settings since"):
        table.add_column(column, no_wrap=column != "settings since")
    for each in told:
        since = each["in_force_since"]
        table.add_row(
            each["rule"],
            each["severity"],
            each["owner"],
            each["judged"],
            _told(each),
            "next run" if each["is_pending"] else f"{since:%Y-%m-%d %H:%M}" if since else "",
        )
    return table


def _told(each: dict[str, Any]) -> str:
    if not each["is_enabled"]:
        return "switched off"
    until = each["shadowed_until"]
    return f"shadowed until {until:%Y-%m-%d}" if until else "yes"


def _show_one(out: Console, each: dict[str, Any]) -> None:
    out.print(f"[bold]{each['rule']}[/]: {each['title']}, {each['severity']}, {each['owner']}")
    out.print(f"judged {each['judged']}; {_told(each)}; {each['runbook']}", markup=False)
    for key, value in each["settings"].items():
        out.print(f"  {key} = {json.dumps(value)}", markup=False, soft_wrap=True)
    for change in each["changes"]:
        said = "; ".join(
            f"{key}: {json.dumps(before)} became {json.dumps(after)}"
            for key, (before, after) in change["changed"].items()
        )
        out.print(
            f"since {change['since']:%Y-%m-%d %H:%M} UTC: {said or 'first judged'}", markup=False
        )
