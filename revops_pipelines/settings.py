"""revops.toml and the environment, read once into frozen settings; nothing else reads either.

Belongs here: where state lives, and which sources run. Does not: the keys of the house's own tables
(`settings_tables`), the options of a particular source, channel or rule (they declare their own and
are read here through `engine.plugin_tables`). Secrets are never read here: settings only name the
environment variables that hold them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from revops_pipelines.engine.conform.precedence import Precedence
from revops_pipelines.engine.plugin_folder import Plugins, existing, named_folder
from revops_pipelines.engine.plugin_tables import (
    ConfigurationError,
    PluginKind,
    PluginTable,
    explain,
    nearest,
    read_tables,
)
from revops_pipelines.engine.toml_lines import line_of
from revops_pipelines.settings_calendars import BusinessCalendar
from revops_pipelines.settings_people import Escalation, Person, Team
from revops_pipelines.settings_tables import (
    Billing,
    Company,
    Document,
    Economics,
    Engagement,
    Forecasting,
    Freshness,
    Heartbeat,
    Pipeline,
    Pulling,
    Quality,
    Response,
    Sandbox,
    Statistics,
)

CONFIG_VARIABLE = "REVOPS_CONFIG"
HOME_VARIABLE = "REVOPS_HOME"
CONFIG_NAME = "revops.toml"
HOME_NAME = ".revops"


def environment() -> Mapping[str, str]:
    """The process's environment; the one place that looks at it."""
    return os.environ


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured, with the plug-ins' own tables read into their options.

    `path` is the file read, or None where there is none; `home` the folder of all state.
    `sources` is empty where nothing is configured: then the sandbox runs.
    """

    home: Path
    path: Path | None = None
    company: Company = Company()
    quality: Quality = Quality()
    calendars: Mapping[str, BusinessCalendar] = field(
        default_factory=lambda: {"default": BusinessCalendar()}
    )
    people: Mapping[str, Person] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    escalation: Escalation = Escalation()
    response: Response = Response()
    billing: Billing = Billing()
    pipeline: Pipeline = Pipeline()
    forecasting: Forecasting = Forecasting()
    engagement: Engagement = Engagement()
    economics: Economics = Economics()
    statistics: Statistics = Statistics()
    pulling: Pulling = Pulling()
    freshness: Freshness = Freshness()
    heartbeat: Heartbeat = Heartbeat()
    sandbox: Sandbox = Sandbox()
    plugins: Plugins = Plugins()
    precedence: Mapping[str, Precedence] = field(default_factory=dict)
    targets: Mapping[str, Decimal] = field(default_factory=dict)
    sources: Mapping[str, PluginTable] = field(default_factory=dict)
    channels: Mapping[str, PluginTable] = field(default_factory=dict)
    rules: Mapping[str, PluginTable] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which another process, wherever it runs, finds the same settings."""
        found = {HOME_VARIABLE: str(self.home)}
        return found | ({CONFIG_VARIABLE: str(self.path)} if self.path else {})

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.company.time_zone)

    @property
    def warehouse_path(self) -> Path:
        """The live file, with one writer."""
        return self.home / "warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        """The snapshot that people, sensors and BI read."""
        return self.home / "published.duckdb"

    @property
    def outbox_path(self) -> Path:
        """The alerts' outbox."""
        return self.home / "outbox.sqlite"

    @property
    def landing_path(self) -> Path:
        """Where pulled records land before they are loaded."""
        return self.home / "landing"

    @property
    def report_path(self) -> Path:
        """The report page."""
        return self.home / "report" / "index.html"

    @property
    def inbox_path(self) -> Path:
        """Where the local inbox keeps what arrived."""
        return self.home / "inbox"

    @property
    def link_key_path(self) -> Path:
        """The key by which links in messages are signed."""
        return self.home / "link.key"


SECTIONS = ("sources", "channels", "rules")


def own_plugins(environment: Mapping[str, str], folder: Path) -> Path | None:
    """The folder of our own plug-ins, there or not. Raises ConfigurationError as loading does."""
    return named_folder(_config_path(environment, folder))


def state_settings(environment: Mapping[str, str], folder: Path) -> Settings:
    """Where state lies and what `[heartbeat]` says, with a default for all else.

    For who must not depend on the rest being right, nor wait for every plug-in to be imported.
    Raises ConfigurationError.
    """
    path = _config_path(environment, folder)
    home = _home(environment, folder)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8") if path else "")
        own = Document.model_validate({"heartbeat": tables.get("heartbeat", {})})
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {explain(error, Document, ())}") from None
    return Settings(home=home, path=path, heartbeat=own.heartbeat)


def load_settings(
    environment: Mapping[str, str],
    folder: Path,
    kinds: Mapping[str, Mapping[str, PluginKind]],
    simulated: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from the file that `REVOPS_CONFIG` names, else `revops.toml` in `folder`.

    `kinds` says, for each of `sources`, `channels` and `rules`, which kinds there are. `simulated`
    are the tables that describe the sandbox's company: they hold, under whatever the file says,
    while no source is configured. Raises ConfigurationError whose message names file, line, key
    and remedy.
    """
    path = _config_path(environment, folder)
    text = path.read_text(encoding="utf-8") if path else ""
    try:
        tables = tomllib.loads(text)
        connected = _with_credentials(environment, kinds.get("sources", {}))
        if not tables.get("sources") and not connected:
            tables = _merged(simulated or {}, tables)
        settings = _settings(tables, path, _home(environment, folder), kinds)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    except ConfigurationError as error:
        line = line_of(text, error.path)
        place = f"{path}:{line}" if line else str(path)
        raise ConfigurationError(f"{place}: {error}", error.path) from None
    return settings if settings.sources else replace(settings, sources=connected)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables joined key by key; what `over` says wins."""
    joined = dict(under)
    for key, value in over.items():
        below = joined.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            joined[key] = _merged(below, value)
        else:
            joined[key] = value
    return joined


def _with_credentials(
    environment: Mapping[str, str], kinds: Mapping[str, PluginKind]
) -> dict[str, PluginTable]:
    """Sources whose secrets are all in the environment: setting them is enough to connect."""
    return {
        name: PluginTable(name, name, kind.options(), kind.secrets)
        for name, kind in kinds.items()
        if kind.secrets
        and all(environment.get(variable) for variable in kind.secrets.values())
        and not any(option.is_required() for option in kind.options.model_fields.values())
    }


def _settings(
    tables: dict[str, Any],
    path: Path | None,
    home: Path,
    kinds: Mapping[str, Mapping[str, PluginKind]],
) -> Settings:
    own = {
        section: read_tables(
            section, tables.pop(section, {}), kinds.get(section, {}), path.parent if path else None
        )
        for section in SECTIONS
    }
    try:
        document = Document.model_validate(tables)
    except ValidationError as error:
        raise explain(error, Document, ()) from None
    _check_simulated(document.sandbox, kinds.get("sources", {}))
    return Settings(
        home=home,
        path=path,
        company=document.company,
        quality=document.quality,
        calendars=_calendars(document),
        people=document.people,
        teams=document.teams,
        escalation=document.escalation,
        response=document.response,
        billing=document.billing,
        pipeline=document.pipeline,
        forecasting=document.forecasting,
        engagement=document.engagement,
        economics=document.economics,
        statistics=document.statistics,
        pulling=document.pulling,
        freshness=document.freshness,
        heartbeat=document.heartbeat,
        sandbox=document.sandbox,
        plugins=existing(document.plugins, path),
        precedence=document.precedence,
        targets=document.targets,
        **own,
    )


def _calendars(document: Document) -> dict[str, BusinessCalendar]:
    """Working hours by team, and by mail address where a person has other ones."""
    own = {
        address.lower(): person.calendar
        for address, person in document.people.items()
        if person.calendar is not None
    }
    return {"default": BusinessCalendar()} | document.calendars | own


def _check_simulated(sandbox: Sandbox, sources: Mapping[str, PluginKind]) -> None:
    simulated = [name for name, kind in sources.items() if kind.is_simulated]
    for name in sandbox.systems:
        if sources and name not in simulated:
            raise ConfigurationError(
                f"sandbox.systems: {name!r} is not simulated; {nearest(name, simulated)}",
                ("sandbox", "systems"),
            )


def _config_path(environment: Mapping[str, str], folder: Path) -> Path | None:
    named = environment.get(CONFIG_VARIABLE)
    path = Path(named) if named else folder / CONFIG_NAME
    if path.is_file():
        return path.resolve()
    if named:
        raise ConfigurationError(f"{CONFIG_VARIABLE} names {path}, which is not a file")
    return None


def _home(environment: Mapping[str, str], folder: Path) -> Path:
    return Path(environment.get(HOME_VARIABLE) or folder / HOME_NAME).expanduser().resolve()
