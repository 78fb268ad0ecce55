"""revops.toml and the environment, read once into frozen settings; nothing else reads either.

Belongs here: the tables of revops.toml that the house itself has, where state lives, and which
sources run. Does not: the options of a particular source, channel or rule (they declare their own
and are read here through `engine.plugin_tables`). Secrets are never read here: settings only name
the environment variables that hold them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

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

CONFIG_VARIABLE = "REVOPS_CONFIG"
HOME_VARIABLE = "REVOPS_HOME"
CONFIG_NAME = "revops.toml"
HOME_NAME = ".revops"


def environment() -> Mapping[str, str]:
    """The process's environment; the one place that looks at it."""
    return os.environ


def known_zone(zone: str) -> str:
    """The zone itself if the time-zone database has it; raises ValueError with the nearest."""
    if zone not in available_timezones():
        raise ValueError(f"no such IANA time zone; {nearest(zone, available_timezones())}")
    return zone


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Table(BaseModel):
    """A table of revops.toml: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Company(Table):
    """Who we are."""

    name: str = Field("Our company", description="Shown on the report and in alerts.")
    base_currency: str = Field(
        "USD", pattern=r"^[A-Z]{3}$", description="Currency of every total, ISO 4217."
    )
    time_zone: str = Field("UTC", description="IANA zone in which days, weeks and months begin.")
    week_starts_on: Day = Field("mon", description="First day of the week.")
    fiscal_year_starts_in: int = Field(
        1, ge=1, le=12, description="First month of the fiscal year."
    )
    internal_domains: tuple[str, ...] = Field(
        (), description="Our own mail domains; leads from them are left out."
    )
    generic_domains: tuple[str, ...] = Field(
        (), description="More free-mail domains that never identify a company."
    )

    _known_zone = field_validator("time_zone")(known_zone)


class Quality(Table):
    """When bad rows stop the line."""

    max_quarantined_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of an entity's rows in quarantine that blocks its check.",
    )
    max_vanished_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a table that may vanish in one pull before it is an alarm.",
    )


class BusinessCalendar(Table):
    """When a team works."""

    time_zone: str = Field("UTC", description="IANA zone of the team.")
    days: tuple[Day, ...] = Field(
        ("mon", "tue", "wed", "thu", "fri"), description="Working days of the week."
    )
    opens: str = Field("09:00", pattern=r"^\d\d:\d\d$", description="Local time work begins.")
    closes: str = Field("17:00", pattern=r"^\d\d:\d\d$", description="Local time work ends.")
    holidays: str | None = Field(
        None, description="Country (US) or country and subdivision (DE-BY) whose holidays are off."
    )

    _known_zone = field_validator("time_zone")(known_zone)


class Response(Table):
    """How fast a lead must be answered."""

    target_minutes: int = Field(
        60, gt=0, description="Minutes within which a lead must be answered."
    )
    clock: Literal["business", "calendar"] = Field(
        "business", description="Count minutes of the team's working hours, or all minutes."
    )


class Billing(Table):
    """What counts as recurring revenue."""

    past_due_days: int = Field(
        30, ge=0, description="Days for which an unpaid subscription still counts in MRR."
    )


class Pipeline(Table):
    """How deals are judged."""

    lead_to_opportunity_days: int = Field(
        90,
        gt=0,
        description="Days a lead has to become an opportunity; younger cohorts are immature.",
    )
    contact_days: int = Field(14, gt=0, description="Days a qualified lead has to be contacted.")
    created_cohort_days: int = Field(
        180, gt=0, description="Days after which a cohort of created deals counts as mature."
    )


class Statistics(Table):
    """How small numbers are treated."""

    min_n: int = Field(20, ge=1, description="Fewer cases than this are shown as too few to judge.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Confidence of the intervals shown.")


class Pulling(Table):
    """How systems are pulled."""

    threads: int = Field(8, ge=1, le=64, description="Requests under way at once, per source.")
    lock_timeout_seconds: int = Field(
        300, ge=1, description="How long a writer waits for the warehouse before it gives up."
    )


class Freshness(Table):
    """When data is too old to rely on."""

    max_age_hours: int = Field(
        26, ge=1, description="A source whose last load is older than this is told to people."
    )


class Sandbox(Table):
    """Which company's systems are simulated while no source is configured."""

    systems: tuple[str, ...] = Field(
        ("hubspot", "marketo", "stripe"),
        min_length=1,
        description="Systems that the simulated company runs: one CRM, then any others.",
    )


class Document(Table):
    """All tables of revops.toml that are not a plug-in's."""

    company: Company = Company()
    quality: Quality = Quality()
    calendars: dict[str, BusinessCalendar] = Field(
        default_factory=lambda: {"default": BusinessCalendar()},
        description="Working hours: `default`, and one table per team that differs.",
    )
    response: Response = Response()
    billing: Billing = Billing()
    pipeline: Pipeline = Pipeline()
    statistics: Statistics = Statistics()
    pulling: Pulling = Pulling()
    freshness: Freshness = Freshness()
    sandbox: Sandbox = Sandbox()
    plugins: Plugins = Plugins()
    precedence: dict[str, Precedence] = Field(
        default_factory=dict, description="Which source is believed, per entity and field."
    )
    targets: dict[str, Decimal] = Field(
        default_factory=dict, description="Target per metric, in the metric's unit."
    )


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
    response: Response = Response()
    billing: Billing = Billing()
    pipeline: Pipeline = Pipeline()
    statistics: Statistics = Statistics()
    pulling: Pulling = Pulling()
    freshness: Freshness = Freshness()
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


SECTIONS = ("sources", "channels", "rules")


def own_plugins(environment: Mapping[str, str], folder: Path) -> Path | None:
    """The folder of our own plug-ins, there or not. Raises ConfigurationError as loading does."""
    return named_folder(_config_path(environment, folder))


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
        calendars={"default": BusinessCalendar()} | document.calendars,
        response=document.response,
        billing=document.billing,
        pipeline=document.pipeline,
        statistics=document.statistics,
        pulling=document.pulling,
        freshness=document.freshness,
        sandbox=document.sandbox,
        plugins=existing(document.plugins, path),
        precedence=document.precedence,
        targets=document.targets,
        **own,
    )


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
