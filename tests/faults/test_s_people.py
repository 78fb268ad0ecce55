"""Rows S6, S11, S13: people's data where it must not be, and where it must not come back."""

from __future__ import annotations

import csv
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from delivery_tools import event
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines import cli
from revops_pipelines.commands.doctor_ports import Listener, open_to_others
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import open_outbox
from revops_pipelines.engine.erase.arriving import ErasureKeyMissingError
from revops_pipelines.engine.erase.files import holding
from revops_pipelines.engine.erase.redaction import ERASED, Redaction, Subject, forms_of
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.engine.warehouse.publish import publish_snapshot
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.reporting.sheets import as_written, inert, write_csv
from revops_pipelines.resources.sources.files import SOURCE
from revops_pipelines.resources.sources.files.options import FilesOptions

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
JANE, NAME, PHONE = "jane.o'roe@acme.example", "Jane Müller-Roe", "+49 170 555 01 99"
WORK = "j.mueller@work.example"
# Whom it would be wrong to erase with her: an address that ends in hers, one that begins with it.
OTHERS = ("mary-jane.o'roe@acme.example", "jane.o'roe@acme.example.com")
WORDS = Redaction(Subject(frozenset({JANE, WORK}), frozenset({NAME}), frozenset({PHONE})))

LEADS = f"""lead_id,email,full_name,created_at,is_inbound,phone
1,{JANE.upper()},{NAME},2026-01-02,true,{PHONE}
2,{WORK},{NAME},2026-01-03,true,
3,{OTHERS[0]},Mary Jane,2026-01-04,true,+1 555 0100
4,{OTHERS[1]},Jane Other,2026-01-05,true,
"""
TOUCHPOINTS = """touchpoint_id,lead_id,channel,kind,occurred_at
t1,1,web,page,2026-01-02
t2,3,web,page,2026-01-02
"""
DEALS = f"""opportunity_id,name,amount,created_at,kind,pipeline,stage,is_closed,is_won
o1,Deal of {NAME} ({JANE}),10.00,2026-01-02,new,p,s,false,false
o2,Another deal,20.00,2026-01-02,new,p,s,false,false
"""
CUSTOMERS = f"""customer_id,name,email,created_at
c1,Acme,{JANE},2026-01-02
c2,Other,{OTHERS[1]},2026-01-02
"""


@dataclass
class House:
    """An installation that pulls a folder of files, with the person in everything it keeps."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "state"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    def put(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"crm/{name}.csv").write_text(text, encoding="utf-8")

    def pull(self) -> dict[str, Loaded]:
        """A night of this source."""
        options = FilesOptions(path=str(self.folder / "crm"))
        streams = {stream.name: stream for stream in SOURCE.streams(options)}
        job = SourceJob("crm", SOURCE, options, {}, cursors={})
        done = {}
        with open_warehouse(self.warehouse) as connection:
            ensure_schema(connection)
            ensure_raw_tables(connection, "crm", list(streams.values()))
            landing = self.home / "landing"
            for (_, name), landed in pull_sources([job], landing, lambda: NOW, 2).items():
                assert not isinstance(landed, Failed), landed
                done[name] = load_stream(connection, "crm", streams[name], landed, "run", NOW)
        return done

    def rows(self, sql: str, file: str = "warehouse.duckdb") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home / file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def files(self) -> list[Path]:
        kept = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in kept if "crm" not in path.relative_to(self.folder).parts]

    def revops(self, *arguments: str) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REVOPS_HOME", str(self.home))
            patch.setenv("DAGSTER_HOME", str(self.folder / "dagster"))
            patch.setenv("REVOPS_CONFIG", str(self.folder / "revops.toml"))
            patch.setattr(sys, "argv", ["revops", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("people"))
    (built.folder / "crm").mkdir()
    (built.folder / "revops.toml").write_text('[sources.crm]\nkind = "files"\npath = "crm"\n')
    built.put(
        leads=LEADS,
        touchpoints=TOUCHPOINTS,
        opportunities=DEALS.replace("10.00", "5.00"),
        customers=CUSTOMERS,
    )
    built.pull()
    # A second version, so that history knows her too.
    built.put(opportunities=DEALS)
    built.pull()
    _fill_the_rest(built)
    assert len(holding(built.files(), WORDS)) >= 8
    yield built


def _fill_the_rest(house: House) -> None:
    told = event("crm:1", notice={"headline": f"{NAME} waits", "subject": JANE})
    with open_warehouse(house.warehouse) as connection:
        connection.execute(
            "CREATE TABLE conformed.leads__records AS SELECT 'crm:' || lead_id AS lead_id, "
            "'crm' AS source, lead_id AS source_id, lower(email) AS email, full_name "
            "FROM raw.crm__leads; CREATE TABLE conformed.leads AS FROM conformed.leads__records "
            "WHERE lead_id <> 'crm:2'; CREATE TABLE conformed.identity_links AS SELECT 'leads' AS "
            "entity, 'crm:1' AS canonical_id, 'crm:2' AS record_id, 'same person' AS evidence"
        )
        connection.execute(
            "CREATE TABLE metrics.lists AS SELECT lead_id, [full_name, 'x'] AS who, "
            "{'mail': email} AS how FROM conformed.leads"
        )
        connection.execute(
            "INSERT INTO ops.quarantine VALUES ('leads', 'crm', '1', 'r', 'email', 'j***', ?, ?, "
            "'run')",
            [NOW.replace(tzinfo=None)] * 2,
        )
        publish_snapshot(connection, house.home / "published.duckdb")
    outbox = open_outbox(house.home / "outbox.sqlite")
    mirror_events([told], outbox)
    outbox.close()
    texts = {
        "state/ui.log": f"INFO sent to {JANE}\n" * 3,
        "state/inbox/1.json": json.dumps({"title": NAME, "about": f"<{JANE}>"}),
        "state/report/explain/x.html": f"<td>{NAME}</td><td>jane.o&#39;roe@acme.example</td>",
        "state/landing/crm/leads/20260101T000000-1-1/data-0001.ndjson": f'{{"email":"{JANE}"}}\n',
        "dagster/storage/run/out.out": f"url /people?who={NAME.replace(' ', '%20')} {PHONE}",
        "exports/records.csv": f"1,{NAME},{JANE}\n3,Mary Jane,{OTHERS[0]}\n",
    }
    for name, text in texts.items():
        path = house.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (house.folder / "dagster/history").mkdir()
    with sqlite3.connect(house.folder / "dagster/history/runs.db") as database:
        database.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, event TEXT)")
        database.execute("INSERT INTO event_logs (event) VALUES (?)", [f"failed for {JANE}"])
    database.close()


@pytest.fixture(scope="module")
def erased(house: House) -> House:
    assert (
        house.revops(
            "erase",
            JANE,
            "--yes",
            "--reason",
            f"asked by {NAME}",
            "--also",
            str(house.folder / "exports"),
        )
        == 0
    )
    return house


def test_s11_before_it_is_done_it_is_said(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in house.files()}
    assert house.revops("erase", JANE, "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["records"] == {"crm.leads": 2, "crm.touchpoints": 1}
    assert house.revops("erase", "nobody", "--yes") == 2
    kept = {path: path.read_bytes() for path in house.files()}
    unchanged = [path for path in before if kept[path] == before[path]]
    # Opening the lock and the live file may touch them; nothing else is.
    assert {path.name for path in before} - {path.name for path in unchanged} <= {
        "warehouse.duckdb.holder",
        "warehouse.duckdb",
    }


def test_s11_no_byte_of_the_person_is_left_anywhere(erased: House) -> None:
    assert [path.name for path in holding(erased.files(), WORDS)] == []
    # The same without our own way of looking: every form, as bytes, in every file.
    forms = [form.encode() for form in forms_of((JANE, WORK, NAME, PHONE))]
    for path in erased.files():
        data = path.read_bytes().lower()
        for other in OTHERS:
            data = data.replace(other.encode(), b"")
        assert [form for form in forms if form in data] == [], path


def test_s11_nobody_else_is_touched(erased: House) -> None:
    assert erased.rows("SELECT lead_id, lower(email) FROM raw.crm__leads ORDER BY 1") == [
        ("3", OTHERS[0]),
        ("4", OTHERS[1]),
    ]
    assert erased.rows("SELECT touchpoint_id FROM raw.crm__touchpoints") == [("t2",)]
    assert OTHERS[0] in (erased.folder / "exports/records.csv").read_text()
    assert erased.rows("SELECT lead_id FROM conformed.leads", "published.duckdb") == [
        ("crm:3",),
        ("crm:4",),
    ]
    assert erased.rows("SELECT who, how.mail FROM metrics.lists ORDER BY lead_id")[0] == (
        [ERASED, "x"],
        ERASED,
    )


def test_s11_what_is_others_too_stays_without_the_name(erased: House) -> None:
    [[name, amount, matches]] = erased.rows(
        "SELECT name, amount, payload_hash = md5(payload) FROM raw.crm__opportunities "
        "WHERE opportunity_id = 'o1'"
    )
    assert (name, amount, matches) == (f"Deal of {ERASED} ({ERASED})", "10.00", True)
    assert erased.rows("SELECT count(*) FROM raw.crm__opportunities__history") == [(1,)]
    assert erased.rows("SELECT email FROM raw.crm__customers ORDER BY customer_id")[0] == (ERASED,)
    outbox = sqlite3.connect(erased.home / "outbox.sqlite")
    assert outbox.execute("SELECT notice ->> 'headline' FROM events").fetchall() == [
        (f"{ERASED} waits",)
    ]
    outbox.close()


def test_s11_what_is_remembered_names_nobody(erased: House) -> None:
    rows = erased.rows("SELECT what, reason, digest FROM ops.erased")
    assert {row[0] for row in rows} == {"email", "word", "record", "mention"}
    assert {row[1] for row in rows} == {f"asked by {ERASED}"}
    assert all(len(row[2]) == 64 for row in rows)
    assert "erased" not in {
        row[0] for row in erased.rows("SELECT table_name FROM duckdb_tables()", "published.duckdb")
    }
    assert (erased.home / "erase.key").stat().st_mode & 0o777 == 0o600


def test_s11_nothing_comes_back_with_the_next_pull(erased: House) -> None:
    again = erased.pull()
    assert {name: loaded.rows_changed for name, loaded in again.items()} == dict.fromkeys(again, 0)
    assert all(loaded.reconciled.agrees and not loaded.rows_deleted for loaded in again.values())
    # She is entered anew under another number, and a deal that names her changes.
    erased.put(
        leads=LEADS + f"9,{JANE},{NAME},2026-05-05,true,{PHONE}\n",
        opportunities=DEALS.replace("10.00", "11.00"),
    )
    changed = erased.pull()
    assert (changed["leads"].rows_changed, changed["opportunities"].rows_changed) == (0, 1)
    assert erased.rows(
        "SELECT name, amount FROM raw.crm__opportunities WHERE amount = '11.00'"
    ) == [(f"Deal of {ERASED} ({ERASED})", "11.00")]
    assert [path.name for path in holding(erased.files(), WORDS)] == []


def test_s11_without_its_key_nothing_is_loaded(erased: House) -> None:
    key = erased.home / "erase.key"
    text = key.read_text()
    key.unlink()
    with pytest.raises(ErasureKeyMissingError):
        erased.pull()
    key.write_text(text)


def test_s11_a_colleague_is_not_erased(erased: House, capsys: pytest.CaptureFixture[str]) -> None:
    with open_warehouse(erased.warehouse) as connection:
        connection.execute("CREATE TABLE conformed.users AS SELECT 'sam@us.example' AS email")
    assert erased.revops("erase", "Sam@us.example", "--yes") == 2
    assert "a colleague's" in capsys.readouterr().err
    with open_warehouse(erased.warehouse) as connection:
        connection.execute("DROP TABLE conformed.users")


@pytest.mark.thorough
def test_s11_who_agrees_anew_may_come_in_again(erased: House) -> None:
    assert erased.revops("erase", JANE, "--lift") == 0
    assert erased.pull()["leads"].rows_changed == 3
    assert erased.revops("erase", JANE, "--lift") == 3
    # Before the next run links her two addresses, she is known by one of them only.
    assert erased.revops("erase", JANE, "--yes", "--json") == 0
    known = Redaction(Subject(frozenset({JANE}), frozenset({NAME}), frozenset({PHONE})))
    assert [path.name for path in holding(erased.files(), known)] == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"<{JANE}>, {JANE.upper()};{JANE}.", f"<{ERASED}>, {ERASED};{ERASED}."),
        (f"{OTHERS[0]} {OTHERS[1]} x{JANE}", f"{OTHERS[0]} {OTHERS[1]} x{JANE}"),
        ('{"a":"\\njane.o\\u0027roe@acme.example"}', '{"a":"\\n' + ERASED + '"}'),
        ("Jane M\\u00fcller-Roe, Jane M\u00dcLLER-ROE", f"{ERASED}, {ERASED}"),
        ("?q=jane.o%27roe%40acme.example&b=1", f"?q={ERASED}&b=1"),
        ("Jane M\u00fcller-Roedel", "Jane M\u00fcller-Roedel"),
        ("(+49 170 555 01 99)", f"({ERASED})"),
    ],
)
def test_s11_words_are_found_in_every_form_and_not_within_others(text: str, left: str) -> None:
    assert WORDS.applied(text) == left


FORMULAS = ("=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "'=1")


def test_s6_formula_cells_of_every_csv_are_inert(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = ", ".join("('" + cell.replace("'", "''") + "', -5)" for cell in FORMULAS)
    path = tmp_path / "rows.csv"
    sql = f'SELECT * FROM (VALUES {values}) t("=text", number)'
    assert house.revops("query", sql, "--csv", str(path)) == 0
    with path.open(encoding="utf-8", newline="") as file:
        heading, *rows = list(csv.reader(file))
    assert heading == ["'=text", "number"]
    for (text, number), cell in zip(rows, FORMULAS, strict=True):
        assert text == f"'{cell}" and as_written(text) == cell and number == "-5"
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.text(max_size=12))
@settings(max_examples=25)
def test_s6_what_is_written_can_be_had_back(text: str) -> None:
    cell = inert(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert as_written(cell) == text


def test_s6_every_csv_goes_through_the_one_writer() -> None:
    """No other module writes CSV for people; the sandbox's own files are nobody's spreadsheet."""
    package = Path(cli.__file__).parent
    writers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "csv.writer" in path.read_text()
        or "DictWriter" in path.read_text()
        or "to_csv" in path.read_text()
    }
    assert {name for name in writers if not name.startswith("sandbox/")} == {"reporting/sheets.py"}
    assert callable(write_csv)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_s13_a_server_that_others_reach_is_warned_of(host: str) -> None:
    code = (
        f"import socket; s = socket.create_server(({host!r}, 0)); "
        "print(s.getsockname()[1], flush=True); input()"
    )
    if not Path("/proc/net/tcp").exists():
        pytest.skip("needs Linux's /proc")
    with subprocess.Popen(
        [sys.executable, "-c", code, "dagster-webserver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())
        found = [each for each in open_to_others() if each.process == server.pid]
        server.stdin.close()
    expected = [] if host == "127.0.0.1" else [Listener(host, port, server.pid)]
    assert found == expected


def test_s13_other_peoples_servers_are_none_of_ours() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        own = [each for each in open_to_others() if each.port == port]
    name = Path("/proc/self/cmdline")
    is_named = name.exists() and b"revops" in name.read_bytes()
    assert bool(own) == is_named
