"""The channels that this installation sends through: configured ones joined with their plug-ins.

Belongs here: which channels there are, with which options and secrets. Does not: sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revops_pipelines.engine.alerts.channel import (
    Channel,
    ChannelKind,
    Message,
    Place,
    RejectedError,
    Sender,
)
from revops_pipelines.engine.alerts.follow_up import Policy
from revops_pipelines.engine.plugin_tables import PluginTable
from revops_pipelines.engine.registry import discover
from revops_pipelines.resources import channels as channel_plugins
from revops_pipelines.resources.secrets import MissingSecretError, Secret

INBOX = "inbox"


def known_channels(own: Path | None = None) -> dict[str, ChannelKind]:
    """Every channel plug-in, by name; `own` is the folder of our own ones."""
    return discover(channel_plugins, ChannelKind, own)


@dataclass(frozen=True, slots=True)
class Messengers:
    """The configured channels; `tables` is `[channels.*]`, `inbox` the local inbox's folder.

    `plugins` is the folder of our own plug-ins, `policy` whom alerts are for and when they are told
    again.

    The local inbox is there unless it is switched off: what nobody else takes is found there.
    """

    tables: Mapping[str, PluginTable]
    inbox: Path
    plugins: Path | None = None
    policy: Policy = Policy()

    def channels(self) -> dict[str, Channel]:
        """The channels, connected, in the order of the configuration.

        A channel whose secret is missing or whose address cannot be used refuses every message, so
        that the message goes to another channel and the reason is on record.
        """
        known = known_channels(self.plugins)
        built = {
            name: Channel(name, self._sender(known[table.kind], table), table.options)
            for name, table in self.tables.items()
        }
        if not any(table.kind == INBOX for table in self.tables.values()):
            kind = known[INBOX]
            options = kind.options()
            place = Place(INBOX, options, self.inbox)
            built[INBOX] = Channel(INBOX, kind.connect(place), options)
        return built

    def _sender(self, kind: ChannelKind, table: PluginTable) -> Sender:
        try:
            secrets = _revealed(kind, table)
            return kind.connect(Place(table.name, table.options, self.inbox, secrets))
        except (MissingSecretError, ValueError) as error:
            return _Unusable(str(error))


@dataclass(frozen=True, slots=True)
class _Unusable:
    """Stands in for a channel that cannot be set up."""

    reason: str

    def send(self, message: Message) -> None:
        raise RejectedError(self.reason)


def _revealed(kind: ChannelKind, table: PluginTable) -> dict[str, str]:
    revealed = {}
    for name, variable in table.secrets.items():
        try:
            revealed[name] = Secret(variable).reveal()
        except MissingSecretError:
            if name not in kind.optional_secrets:
                raise
    return revealed


def check(tables: Mapping[str, PluginTable], inbox: Path) -> list[tuple[str, str]]:
    """(channel, problem) of every channel that cannot be set up; for `revops check`."""
    channels: dict[str, Any] = Messengers(tables, inbox).channels()
    return [
        (name, problem) for name, channel in channels.items() if (problem := problem_of(channel))
    ]


def problem_of(channel: Channel) -> str:
    """Why the channel cannot be set up; empty where it can."""
    return channel.sender.reason if isinstance(channel.sender, _Unusable) else ""
