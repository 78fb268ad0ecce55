"""`revops erase`: a person out of every table, file and log, and kept out.

Belongs here: the order of it, and telling what was done. Does not: the erasing (`engine.erase`).

What is elsewhere comes first and the live warehouse last, in one transaction with the tombstones:
whoever is interrupted starts again, and the person can still be found. The writer's lock is held
throughout, so that no run writes anew what was just taken out.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
import typer
from rich.console import Console

from revops_pipelines.commands.context import DAGSTER_HOME, settings_or_fail
from revops_pipelines.commands.failures import (
    FAILED,
    MISCONFIGURED,
    UNAVAILABLE,
    CommandError,
)
from revops_pipelines.commands.outbox_access import user
from revops_pipelines.engine.alerts.outbox import METADATA, OUTBOX_URL
from revops_pipelines.engine.erase.database import Erased, erase_raw, erase_rest, written_anew
from revops_pipelines.engine.erase.files import (
    erase_from_files,
    erase_from_server,
    holding,
    is_duckdb,
)
from revops_pipelines.engine.erase.finding import (
    Found,
    Place,
    find_person,
    is_one_of_us,
    places_of,
)
from revops_pipelines.engine.erase.redaction import Redaction
from revops_pipelines.engine.erase.tombstones import (
    KEY_FILE,
    bury,
    digest,
    ensure_erased,
    erase_key,
    lift,
)
from revops_pipelines.engine.warehouse.lock import LockHeldError, writer_lock
from revops_pipelines.engine.warehouse.open import WarehouseUnavailableError, open_warehouse
from revops_pipelines.resources.instant import system_now
from revops_pipelines.resources.systems import systems_of
from revops_pipelines.settings import Settings, environment

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SUBJECT = 16


@dataclass
class _Report:
    """What was done, in counts: rows by table, places in files."""

    found: Found
    deleted: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def add(self, done: Erased, where: str = "") -> None:
        """Add the rows of one database."""
        for counts, more in ((self.deleted, done.deleted), (self.redacted, done.redacted)):
            for table, rows in more.items():
                counts[where + table.replace('"', "")] = rows


def erase_person(
    out: Console,
    email: str,
    *,
    reason: str,
    also: Sequence[Path],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase a person. Raises CommandError, and says so where they still are somewhere."""
    settings = settings_or_fail()
    address = _address(email)
    if as_json and not (yes or dry_run):
        raise CommandError("--json cannot ask", remedy="say --yes or --dry-run", code=MISCONFIGURED)
    places = [
        place
        for system in systems_of(settings)
        for place in places_of(
            system.name, system.streams, [offer.offer for offer in system.offers]
        )
    ]
    try:
        with writer_lock(
            settings.warehouse_path, "revops erase", settings.pulling.lock_timeout_seconds
        ):
            report = _locked(out, settings, places, address, reason, also, dry_run, yes or as_json)
    except LockHeldError as error:
        raise CommandError(str(error), code=UNAVAILABLE) from None
    except (WarehouseUnavailableError, duckdb.Error, sqlite3.Error, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CommandError(
            f"not all of it is erased: {said}", remedy="run it again", code=FAILED
        ) from None
    _tell(out, report, dry_run=dry_run, as_json=as_json)
    if report.left:
        raise CommandError(
            f"still there in {', '.join(report.left)}", remedy="run it again", code=FAILED
        )


def lift_person(out: Console, email: str) -> None:
    """Forget that a person was erased: what is pulled of them from now on comes in."""
    settings = settings_or_fail()
    if not (settings.home / KEY_FILE).is_file():
        raise CommandError("nobody was ever erased here", code=UNAVAILABLE)
    subject = _subject(erase_key(settings.home), _address(email))
    try:
        with (
            writer_lock(settings.warehouse_path, "revops erase --lift"),
            open_warehouse(settings.warehouse_path) as connection,
        ):
            rows = lift(connection, subject)
    except (LockHeldError, WarehouseUnavailableError) as error:
        raise CommandError(str(error), code=UNAVAILABLE) from None
    if not rows:
        raise CommandError("nobody of that address was erased", code=UNAVAILABLE)
    out.print("Forgotten. The next full pull of each stream brings the person in again.")


def _locked(
    out: Console,
    settings: Settings,
    places: Sequence[Place],
    address: str,
    reason: str,
    also: Sequence[Path],
    dry_run: bool,
    sure: bool,
) -> _Report:
    with closing(open_warehouse(settings.warehouse_path)) as connection:
        if is_one_of_us(connection, address):
            raise CommandError(
                f"{address} is a colleague's, under whose name deals and activities stand",
                remedy="take them out of the CRM's users first",
                code=MISCONFIGURED,
            )
        found = find_person(connection, places, address)
    report = _Report(found)
    redaction = Redaction(found.subject)
    if dry_run:
        report.files = {str(path): 0 for path in holding(_files(settings, also), redaction)}
        return report
    if not sure:
        _show_found(out, found)
        typer.confirm("Erase all of it? This cannot be undone", abort=True)
    for path, times in erase_from_files(_files(settings, also), redaction):
        report.files[str(path)] = times
    _erase_server(report, redaction)
    for path in _duckdb_files(settings, also):
        _erase_copy(path, found, redaction, report)
    _erase_live(settings, places, address, reason, redaction, report)
    report.left = [str(path) for path in holding(_files(settings, also), redaction)]
    return report


def _erase_live(
    settings: Settings,
    places: Sequence[Place],
    address: str,
    reason: str,
    redaction: Redaction,
    report: _Report,
) -> None:
    key = erase_key(settings.home)
    with closing(open_warehouse(settings.warehouse_path)) as connection:
        connection.begin()
        try:
            ensure_erased(connection)
            done = erase_raw(connection, places, report.found, redaction, key)
            erase_rest(connection, report.found, redaction, done)
            bury(
                connection,
                done.buried,
                subject=_subject(key, address),
                now=system_now().astimezone(UTC).replace(tzinfo=None),
                reason=redaction.applied(reason),
                asked_by=user(),
            )
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        connection.execute("CHECKPOINT")
    report.add(done)
    written_anew(settings.warehouse_path, None)


def _erase_copy(path: Path, found: Found, redaction: Redaction, report: _Report) -> None:
    """A DuckDB file that only readers open: what was published, and copies that were kept."""
    done = Erased()
    written_anew(path, lambda connection: erase_rest(connection, found, redaction, done))
    report.add(done, f"{path.name}: ")


def _erase_server(report: _Report, redaction: Redaction) -> None:
    """The outbox, where it lies on a database server; its file is among the others."""
    url = environment().get(OUTBOX_URL)
    if not url or sa.make_url(url).get_backend_name() == "sqlite":
        return
    engine = sa.create_engine(url, hide_parameters=True)
    try:
        changed = erase_from_server(engine, METADATA.sorted_tables, redaction)
    finally:
        engine.dispose()
    report.redacted |= {f"outbox: {table}": rows for table, rows in changed.items()}


def _files(settings: Settings, also: Sequence[Path]) -> Iterator[Path]:
    """Every file of the installation, and those that were named."""
    dagster_home = environment().get(DAGSTER_HOME)
    roots = [settings.home, *([Path(dagster_home)] if dagster_home else []), *also]
    seen: set[Path] = set()
    for root in roots:
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            resolved = path.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield path


def _duckdb_files(settings: Settings, also: Sequence[Path]) -> list[Path]:
    live = settings.warehouse_path.resolve()
    return [
        path
        for path in _files(settings, also)
        if path.is_file() and path.resolve() != live and is_duckdb(path)
    ]


def _address(email: str) -> str:
    address = email.strip().lower()
    if not _ADDRESS.fullmatch(address):
        raise CommandError(f"{email} is no mail address", code=MISCONFIGURED)
    return address


def _subject(key: str, address: str) -> str:
    return digest(key, address)[:_SUBJECT]


def _show_found(out: Console, found: Found) -> None:
    def line(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    subject = found.subject
    line(f"Known by {', '.join(subject.words) or 'nothing else'}.")
    for (source, stream), keys in sorted(found.own.items()):
        line(f"Records of their own in {source}.{stream}: {len(keys)}")
    if not found.own:
        line("No record is their own; whatever names them stays, without the name.")


def _tell(out: Console, report: _Report, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_document(report, dry_run), indent=2, ensure_ascii=False))
        return
    if dry_run:
        _show_found(out, report.found)
        for path in report.files:
            out.print(f"Named in {path}", markup=False, soft_wrap=True)
        out.print("Nothing was changed.")
        return
    for heading, counts in (
        ("rows deleted", report.deleted),
        ("rows that stay without the name", report.redacted),
        ("places in files", report.files),
    ):
        out.print(f"{sum(counts.values())} {heading}")
        for name, count in sorted(counts.items()):
            out.print(f"  {count:>6}  {name}", markup=False, soft_wrap=True)
    out.print(
        "What was exported elsewhere, backups, and the systems themselves are yours to look "
        "after; --also takes files and folders. `revops report` draws the pages anew.",
        soft_wrap=True,
    )


def _document(report: _Report, dry_run: bool) -> dict[str, Any]:
    return {
        "erased": not dry_run,
        "records": {
            f"{source}.{stream}": len(keys)
            for (source, stream), keys in sorted(report.found.own.items())
        },
        "deleted": report.deleted,
        "redacted": report.redacted,
        "files": report.files,
        "left": report.left,
    }
