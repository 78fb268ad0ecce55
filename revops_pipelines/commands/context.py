"""What every command needs first: the settings, read from the environment and the folder.

Belongs here: finding them, and preparing DAGSTER_HOME. Does not: what a command does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from revops_pipelines.commands.failures import MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.engine.plugin_tables import ConfigurationError
from revops_pipelines.engine.registry import RegistryError
from revops_pipelines.installation import installed_settings, project_file
from revops_pipelines.settings import Settings, environment

DAGSTER_HOME = "DAGSTER_HOME"


def settings_or_fail() -> Settings:
    """The settings; a mistake in them ends the command with exit code 2."""
    with configured():
        return installed_settings(environment())


@contextmanager
def configured() -> Iterator[None]:
    """End the command with one line when what is done here meets a mistake in the configuration."""
    try:
        yield
    except (ConfigurationError, RegistryError) as error:
        raise CommandError(str(error), code=MISCONFIGURED) from None


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """End the command with one line where state cannot be written to the folder."""
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"nothing can be written to {error.filename or folder}: {error.strerror}",
            remedy="make it writable, or name another folder with REVOPS_HOME",
            code=UNAVAILABLE,
        ) from None


def prepare_dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, or its default in the state folder, with the instance's file in it."""
    home = Path(environment().get(DAGSTER_HOME) or settings.home / "dagster").resolve()
    with writable(home):
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        instance_file = home / "dagster.yaml"
        if not instance_file.exists():
            shutil.copyfile(project_file("dagster.yaml"), instance_file)
    return home
