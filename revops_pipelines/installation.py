"""Where this installation lives, and its settings with all plug-ins' own tables.

Belongs here: joining `settings` with the registry. Does not: what a setting means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.engine.alerts.channel import ChannelKind
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.in_force import rules_in_force
from revops_pipelines.engine.alerts.thresholds import KIND as THRESHOLD
from revops_pipelines.engine.alerts.thresholds import ThresholdOptions
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import ConfigurationError, PluginKind
from revops_pipelines.engine.registry import RegistryError, discover
from revops_pipelines.engine.toml_lines import line_of
from revops_pipelines.resources import channels as channel_plugins
from revops_pipelines.sandbox.profile import profile
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import CONFIG_NAME, Settings, load_settings, own_plugins


def project_folder() -> Path:
    """The folder of the project: the checkout, or where the package is installed."""
    return Path(__file__).resolve().parents[1]


def project_file(name: str) -> Path:
    """A file of the project: the checkout's, or the copy that came inside the package."""
    path = project_folder() / name
    return path if path.is_file() else Path(__file__).resolve().parent / name


def _is_checkout() -> bool:
    return (project_folder() / "pyproject.toml").is_file()


def plugin_kinds(own: Path | None = None) -> dict[str, dict[str, PluginKind]]:
    """Which kinds of source, channel and rule revops.toml may name, with their options.

    `own` is the folder of our own plug-ins. Raises RegistryError.
    """
    # It brings Dagster along, which takes a second that a look at the heartbeat must not.
    from revops_pipelines.resources.systems import source_kinds

    channels = discover(channel_plugins, ChannelKind, own)
    rules = discover(rule_plugins, Rule, own)
    return {
        "sources": source_kinds(own),
        "channels": {
            name: PluginKind(kind.options, kind.secrets) for name, kind in channels.items()
        },
        "rules": {name: PluginKind(rule.options, {}) for name, rule in rules.items()}
        | {THRESHOLD: PluginKind(ThresholdOptions, {})},
    }


def installed_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of this installation: revops.toml here, else in the checkout.

    Raises ConfigurationError.
    """
    folder = settings_folder()
    try:
        kinds = plugin_kinds(own_plugins(environment, folder))
    except RegistryError as error:
        raise ConfigurationError(str(error)) from error
    settings = load_settings(environment, folder, kinds, profile())
    _check_rules(settings)
    return settings


def _check_rules(settings: Settings) -> None:
    """Can every table of `[rules]` be a rule? Raises ConfigurationError with file and line."""
    if not settings.rules:
        return
    rules = discover(rule_plugins, Rule, settings.plugins.folder)
    # The catalogue takes a moment to read, and only thresholds ask for it.
    asked = any(table.kind == THRESHOLD for table in settings.rules.values())
    metrics = discover(metric_plugins, Metric, settings.plugins.folder) if asked else {}
    try:
        rules_in_force(rules, settings.rules, metrics.values())
    except ConfigurationError as error:
        if settings.path is None:
            raise
        line = line_of(settings.path.read_text(encoding="utf-8"), error.path)
        place = f"{settings.path}:{line}" if line else str(settings.path)
        raise ConfigurationError(f"{place}: {error}", error.path) from None


def settings_folder() -> Path:
    """Where revops.toml and all state are: here, else in the checkout where there is one."""
    here = Path.cwd()
    return here if (here / CONFIG_NAME).is_file() or not _is_checkout() else project_folder()
