"""The systems that this installation pulls: configured sources joined with their plug-ins.

Belongs here: which sources run, with which options and secrets, and whether the sandbox stands in
for them. Does not: pulling them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from revops_pipelines.engine.conform.stage import SourceOffer
from revops_pipelines.engine.declarations import Connection, Reach, Source, Stream
from revops_pipelines.engine.plugin_tables import PluginKind
from revops_pipelines.engine.registry import discover
from revops_pipelines.resources import sources as source_plugins
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.secrets import Secret
from revops_pipelines.settings import Settings

SANDBOX_HANDLE = "sandbox.json"
# The simulated company's spreadsheets: their source's name, and the same with headings alone.
SHEETS = "sheets"
BLANK_SHEETS = Path(__file__).parents[1] / "sandbox" / "blank_sheets"
# Where a sandbox that is not running would be: options and streams are the same with and without.
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class System:
    """One source that runs: its configured name, its plug-in, options and secrets."""

    name: str
    source: Source
    options: Any
    secrets: Mapping[str, Secret]

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that it has under these options."""
        return self.source.streams(self.options)

    @property
    def offers(self) -> tuple[SourceOffer, ...]:
        """What it offers to the conformed entities."""
        return tuple(SourceOffer(self.name, offer) for offer in self.source.offers(self.options))

    def check(self, clock: ClockResource) -> tuple[Reach, ...]:
        """Can it be reached with these credentials and scopes? Raises MissingSecretError."""
        revealed = {name: secret.reveal() for name, secret in self.secrets.items()}
        client = self.source.connect(Connection(self.name, self.options, revealed, clock.now))
        return tuple(self.source.check(client))


@dataclass(frozen=True, slots=True)
class Systems:
    """All systems that run; `sandbox` tells that the simulated company stands in for real ones.

    `sandbox_url` is where its clock is, or None while no sandbox is running.
    """

    all: tuple[System, ...]
    sandbox: bool
    sandbox_url: str | None = None

    def __iter__(self) -> Any:
        """The systems in the order of the configuration."""
        return iter(self.all)

    @property
    def offers(self) -> tuple[SourceOffer, ...]:
        """What all systems offer."""
        return tuple(offer for system in self.all for offer in system.offers)

    @property
    def areas(self) -> tuple[tuple[str, str], ...]:
        """(name, area) of each, for precedence."""
        return tuple((system.name, system.source.area) for system in self.all)


def known_sources(own: Path | None = None) -> dict[str, Source]:
    """Every source plug-in, by name; `own` is the folder of our own ones. Raises RegistryError."""
    return discover(source_plugins, Source, own)


def source_kinds(own: Path | None = None) -> dict[str, PluginKind]:
    """What `[sources.*]` may say. Raises RegistryError."""
    return {
        name: PluginKind(source.options, source.secrets, source.sandbox_options is not None)
        for name, source in known_sources(own).items()
    }


def systems_of(settings: Settings) -> Systems:
    """The systems that the settings ask for; the sandbox's where they ask for none."""
    known = known_sources(settings.plugins.folder)
    if settings.sources:
        return Systems(
            tuple(
                System(
                    table.name,
                    known[table.kind],
                    _following(known[table.kind], table.options, settings),
                    {name: Secret(variable) for name, variable in table.secrets.items()},
                )
                for table in settings.sources.values()
            ),
            sandbox=False,
        )
    handle = read_handle(settings.home)
    systems = tuple(_simulated(known[name], handle, settings) for name in settings.sandbox.systems)
    return Systems(
        (*systems, simulated_sheets(known, (handle or {}).get("sheets"))),
        sandbox=True,
        sandbox_url=next(iter(handle["urls"].values())) if handle else None,
    )


def simulated_sheets(known: Mapping[str, Source], folder: str | Path | None) -> System:
    """The simulated company's spreadsheets, which come along with whatever systems it runs.

    Without a `folder` they are blank: what could be pulled is known, and there is nothing to pull.
    """
    files = known["files"]
    options = files.options.model_validate({"path": str(folder or BLANK_SHEETS)})
    return System(SHEETS, files, options, {})


def read_handle(home: Path) -> Mapping[str, Any] | None:
    """What the running sandbox said of itself, or None."""
    path = home / SANDBOX_HANDLE
    if not path.is_file():
        return None
    handle: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return handle


def _following(source: Source, options: Any, settings: Settings) -> Any:
    """The options, those that were not set taken from the company's settings that they follow."""
    followed = {
        option: attrgetter(place)(settings)
        for option, place in source.follows.items()
        if option not in options.model_fields_set
    }
    return options.model_copy(update=followed)


def _simulated(source: Source, handle: Mapping[str, Any] | None, settings: Settings) -> System:
    nowhere = dict.fromkeys(settings.sandbox.systems, NOWHERE)
    urls: Mapping[str, str] = handle["urls"] if handle else nowhere
    keys: Mapping[str, Mapping[str, str]] = handle["keys"] if handle else {}
    own = source.sandbox_options(urls) if source.sandbox_options else {}
    secrets = {
        argument: Secret(variable, keys.get(source.name, {}).get(argument, ""))
        for argument, variable in source.secrets.items()
    }
    options = _following(source, source.options.model_validate(own), settings)
    return System(source.name, source, options, secrets)
