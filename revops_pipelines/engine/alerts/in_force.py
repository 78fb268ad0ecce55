"""The rules that run under some settings, each with its options.

Belongs here: joining the rule files with `[rules]`. Does not: reading the file (`settings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from revops_pipelines.engine.alerts.declaration import Rule, RuleOptions
from revops_pipelines.engine.alerts.thresholds import KIND, threshold_rules
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import ConfigurationError, PluginTable


@dataclass(frozen=True, slots=True)
class InForce:
    """A rule and the options that it is judged by."""

    rule: Rule
    options: RuleOptions


def rules_in_force(
    rules: Mapping[str, Rule], tables: Mapping[str, PluginTable], metrics: Iterable[Metric]
) -> dict[str, InForce]:
    """Every rule by name, those switched off too: the files' and the thresholds of `[rules]`.

    Raises ConfigurationError for a table that can be no rule.
    """
    for name, table in tables.items():
        if table.kind == KIND and name in rules:
            raise ConfigurationError(
                f"[rules.{name}] is a rule already; give the threshold another name",
                ("rules", name),
            )
        if table.kind not in (KIND, name):
            raise ConfigurationError(
                f"[rules.{name}]: there is one {table.kind}; to set it write [rules.{table.kind}], "
                f'for a limit of your own kind = "{KIND}"',
                ("rules", name, "kind"),
            )
    found = {**rules, **threshold_rules(tables, metrics)}
    return {
        name: InForce(rule, tables[name].options if name in tables else rule.options())
        for name, rule in found.items()
    }
