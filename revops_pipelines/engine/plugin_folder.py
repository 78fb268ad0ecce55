"""A folder of one's own plug-ins, named in revops.toml.

Belongs here: the table `[plugins]` and where its folder is. Does not: finding plug-ins in it
(`registry.py`).

The folder is looked for before the rest of the file is read: which `[sources.x]` may be said
depends on what is in it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from revops_pipelines.engine.plugin_tables import ConfigurationError

TABLE, KEY = "plugins", "folder"


class Plugins(BaseModel):
    """Plug-ins of our own, beside those of the package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = Field(
        None,
        description="Folder of our own plug-ins, relative to this file: "
        "sources/, metrics/, rules/ and channels/ in it.",
    )


def named_folder(path: Path | None) -> Path | None:
    """The folder that the configuration at `path` names; None where it names none.

    A file that cannot be read names none: reading it whole says what is wrong with it.
    """
    if path is None:
        return None
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(TABLE)
    except tomllib.TOMLDecodeError:
        return None
    named = table.get(KEY) if isinstance(table, dict) else None
    return (path.parent / named).resolve() if isinstance(named, str) and named else None


def existing(plugins: Plugins, path: Path | None) -> Plugins:
    """The table with its folder made absolute. Raises ConfigurationError when it is not there."""
    if plugins.folder is None:
        return plugins
    folder = ((path.parent if path else Path()) / plugins.folder).resolve()
    if not folder.is_dir():
        raise ConfigurationError(
            f"{TABLE}.{KEY} = {str(plugins.folder)!r}: there is no such folder; make it, or "
            f"write a first plug-in with `revops new source NAME`",
            (TABLE, KEY),
        )
    return Plugins(folder=folder)
