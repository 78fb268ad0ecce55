"""Where Dagster keeps its runs, ticks and heartbeats, out of its `dagster.yaml`.

Belongs here: the databases' addresses. Does not: what is in them (`instance`).

Dagster itself would tell, but importing it takes over a second of CPU: too much for a look every
minute, and it is the patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]  # comes with Dagster, without types

_SERVERS = {"postgres": "postgresql", "mysql": "mysql"}
_CONNECT_SECONDS = 5


class UnreadableInstanceError(Exception):
    """What Dagster has stored cannot be read; the text says why, without an address."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Dagster's databases; one server for all, or files of SQLite.

    `folder` is that of the files, None where there is a server. Their layout is Dagster's own
    (`DagsterSqliteStorage`): one file of runs, one of schedules, and one for each run's events.
    """

    url: sa.URL | None = None
    folder: Path | None = None

    def runs(self) -> sa.URL:
        """The database with runs, their tags and the daemons' heartbeats."""
        return self.url or _file(self._folder / "history" / "runs.db")

    def ticks(self) -> sa.URL:
        """The database with sensors and their ticks."""
        return self.url or _file(self._folder / "schedules" / "schedules.db")

    def events(self, run_id: str) -> sa.URL:
        """The database with a run's events."""
        return self.url or _file(self._folder / "history" / "runs" / f"{run_id}.db")

    @property
    def _folder(self) -> Path:
        return self.folder or Path()


def storage_of(dagster_home: Path, environment: Mapping[str, str]) -> Storage:
    """The storage that `dagster.yaml` in this folder asks for; SQLite beside it where it asks none.

    Raises UnreadableInstanceError.
    """
    try:
        text = (dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    try:
        asked = (yaml.safe_load(text) or {}).get("storage") or {"sqlite": {}}
    except (yaml.YAMLError, AttributeError):
        raise UnreadableInstanceError("dagster.yaml is no YAML with tables") from None
    kind, options = next(iter(asked.items()))
    if kind == "sqlite":
        base = _text((options or {}).get("base_dir"), environment)
        return Storage(folder=Path(base) if base else dagster_home)
    if kind in _SERVERS:
        return Storage(url=_server(kind, options, environment))
    raise UnreadableInstanceError(f"the storage {kind!r} of dagster.yaml is not known here")


@contextmanager
def reading(url: sa.URL) -> Any:
    """A connection that only reads; one that nobody can make us wait for long.

    Raises UnreadableInstanceError.
    """
    file = url.database if url.get_backend_name() == "sqlite" else None
    if file is not None:
        # Never made by a look, and no write lock: SQLite's readers wait for nobody (WAL).
        url = url.set(database=f"file:{quote(file)}", query={"mode": "ro", "uri": "true"})
        options: dict[str, Any] = {"timeout": _CONNECT_SECONDS}
    else:
        options = {"connect_timeout": _CONNECT_SECONDS}
    reason = ""
    try:
        engine = sa.create_engine(
            url, poolclass=sa.pool.NullPool, hide_parameters=True, connect_args=options
        )
        with engine.connect() as connection:
            yield connection
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        # The text of a driver's error may quote the address.
        reason = type(getattr(error, "orig", None) or error).__name__
    if reason:
        place = Path(file).name if file else url.get_backend_name()
        raise UnreadableInstanceError(f"{place} cannot be read: {reason}")


def _file(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def _server(kind: str, options: Mapping[str, Any], environment: Mapping[str, str]) -> sa.URL:
    address = _text(options.get(f"{kind}_url"), environment)
    parts = options.get(f"{kind}_db")
    if address:
        try:
            return sa.make_url(address)
        except sa.exc.ArgumentError:
            raise UnreadableInstanceError(f"{kind}_url is no address of a database") from None
    if not isinstance(parts, Mapping):
        raise UnreadableInstanceError(f"storage.{kind} of dagster.yaml says no address")
    told = {name: _text(value, environment) for name, value in parts.items()}
    return sa.URL.create(
        _SERVERS[kind],
        username=told.get("username"),
        password=told.get("password"),
        host=told.get("hostname"),
        port=int(told["port"]) if told.get("port") else None,
        database=told.get("db_name"),
    )


def _text(value: Any, environment: Mapping[str, str]) -> str:
    """A value of dagster.yaml: as it is, or `{env: NAME}`."""
    if isinstance(value, Mapping):
        return environment.get(str(value.get("env")), "")
    return "" if value is None else str(value)
