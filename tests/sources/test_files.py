"""A folder of files as a source: what is offered, what is refused and by which words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.conform.stage import INCOMING, SourceOffer, stage
from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.resources.sources.files import SOURCE
from revops_pipelines.resources.sources.files.options import FilesOptions
from revops_pipelines.settings import load_settings

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
ACCOUNTS = "account_id,name,domain,created_at\nA1,Ada & Co,ada.example,2026-01-02 03:04:05\n"


class Files:
    """A folder, and a warehouse that it is pulled into."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.landing = folder / "files", folder / "landing"
        self.folder.mkdir()
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        self.cursors: dict[str, Any] = {}

    def put(self, **texts: str) -> Files:
        for name, text in texts.items():
            (self.folder / f"{name}.csv").write_text(text, encoding="utf-8")
        return self

    def options(self, **options: Any) -> FilesOptions:
        return FilesOptions.model_validate({"path": str(self.folder)} | options)

    def pull(self, **options: Any) -> dict[str, Loaded | str]:
        """What each stream's load did, or the text of its error."""
        settled = self.options(**options)
        streams = {stream.name: stream for stream in SOURCE.streams(settled)}
        ensure_raw_tables(self.connection, "files", list(streams.values()))
        job = SourceJob("files", SOURCE, settled, {}, cursors=self.cursors)
        done: dict[str, Loaded | str] = {}
        for (_, name), landed in pull_sources([job], self.landing, lambda: NOW, 2).items():
            if isinstance(landed, Failed):
                done[name] = str(landed.error)
                continue
            self.cursors[name] = landed.cursor
            done[name] = load_stream(self.connection, "files", streams[name], landed, "run", NOW)
        return done

    def rows(self, entity: str, **options: Any) -> list[dict[str, Any]]:
        """What is offered, cast as the contract says; `_uncast` lists what could not be."""
        pulled = self.pull(**options)
        assert all(isinstance(each, Loaded) for each in pulled.values()), pulled
        offers = [
            SourceOffer("files", offer)
            for offer in SOURCE.offers(self.options(**options))
            if offer.entity == entity
        ]
        stage(self.connection, CONTRACTS[entity], offers)
        result = self.connection.execute(f"SELECT * FROM {INCOMING} ORDER BY source_id")
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def problems(self, **options: Any) -> list[str]:
        folder = SOURCE.connect(Connection("files", self.options(**options), {}, lambda: NOW))
        return [f"{r.subject}: {r.detail}; {r.remedy}" for r in SOURCE.check(folder) if not r.ok]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path)
    yield made
    made.connection.close()


def test_a_file_named_as_an_entity_needs_no_mapping(files: Files) -> None:
    (row,) = files.put(accounts=ACCOUNTS).rows("accounts")
    assert row["account_id"] == "files:A1"
    assert row["name"] == "Ada & Co"
    assert row["created_at"] == datetime(2026, 1, 2, 3, 4, 5)
    assert (row["source"], row["source_id"]) == ("files", "A1")
    assert row["_uncast"] == []


def test_values_that_do_not_cast_are_judged_and_not_nulled(files: Files) -> None:
    text = "account_id,name,employees,created_at\nA1,Ada,many,31/12/2025\n"
    (row,) = files.put(accounts=text).rows("accounts")
    assert sorted(row["_uncast"]) == ["created_at", "employees"]


def test_mapping_renames_sets_and_translates(files: Files) -> None:
    text = "key,label,land,since\n7,Ada,UK,31.12.2025\n8,Bea,FR,2025-12-31\n"
    mapping = {
        "file": "companies.csv",
        "columns": {
            "account_id": "key",
            "name": "label",
            "country": "land",
            "created_at": "since",
        },
        "constants": {"segment": "SMB", "employees": 5},
        "words": {"country": {"UK": "GB"}},
        "formats": {"created_at": "%d.%m.%Y"},
    }
    ada, bea = files.put(companies=text).rows("accounts", entities={"accounts": mapping})
    assert (ada["account_id"], ada["name"], ada["country"]) == ("files:7", "Ada", "GB")
    assert (ada["segment"], ada["employees"]) == ("SMB", 5)
    assert ada["created_at"] == datetime(2025, 12, 31)
    # Not written as it should be: it stays what it is, and happens to be a timestamp as well.
    assert (bea["country"], bea["created_at"]) == ("FR", datetime(2025, 12, 31))


def test_columns_that_no_contract_knows_are_custom_fields(files: Files) -> None:
    text = "account_id,name,lucky_number\nA1,Ada,7\n"
    (row,) = files.put(accounts=text).rows("accounts")
    assert json.loads(row["custom"]) == {"lucky_number": "7"}


SUBSCRIPTIONS = (
    "id,who,plan,seats,begins,ends,yearly,trial\n"
    "S1,C1,Pro,3,2026-01-01,,100,FALSE\n"
    "S2,C1,Pro,1,2026-02-01,2026-03-01,120,FALSE\n"
    "S3,C2,Pro,1,2026-02-01,,0,TRUE\n"
    "S4,C2,Free,1,2026-02-01,,0,\n"
    "S5,C3,Pro,1,2026-02-01,2026-01-01,12,perhaps\n"
    "S6,C3,Pro,1,2026-02-01,,much,TRUE\n"
)
LEDGER = {
    "subscription_periods": {
        "file": "subs.csv",
        "columns": {
            "subscription_id": "id",
            "customer_id": "who",
            "product": "plan",
            "quantity": "seats",
        },
        "constants": {"currency": "USD"},
        "expand": {
            "start": "begins",
            "end": "ends",
            "annual_amount": "yearly",
            "is_trial": "trial",
        },
    }
}


def test_a_plain_list_of_subscriptions_becomes_the_ledger(files: Files) -> None:
    rows = files.put(subs=SUBSCRIPTIONS).rows("subscription_periods", entities=LEDGER)
    found = [(r["status"], r["monthly_amount"], r["valid_from_on"], r["valid_to_on"]) for r in rows]
    january, february, march = (date(2026, month, 1) for month in (1, 2, 3))
    assert found[:4] == [
        ("active", Decimal("8.33"), january, None),
        ("active", Decimal("10.00"), february, march),
        ("trialing", Decimal("0.00"), february, None),
        ("free", Decimal("0.00"), february, None),
    ]
    # A word that is no flag becomes a status that the contract refuses; no number stays none.
    assert found[4] == ("perhaps", Decimal("1.00"), february, january)
    assert rows[5]["_uncast"] == ["monthly_amount"]
    assert {r["item_id"] for r in rows} == {r["subscription_id"] for r in rows}


def test_the_last_day_may_be_what_is_written(files: Files) -> None:
    mapping = {"subscription_periods": dict(LEDGER["subscription_periods"])}
    expand = {"start": "begins", "end": "ends", "annual_amount": "yearly", "is_trial": "trial"}
    mapping["subscription_periods"]["expand"] = expand | {"end_is_last_day": True}
    rows = files.put(subs=SUBSCRIPTIONS).rows("subscription_periods", entities=mapping)
    assert [r["valid_to_on"] for r in rows[:2]] == [None, date(2026, 3, 2)]


def test_oddities_of_the_ledger_are_told_by_the_check(files: Files) -> None:
    text = SUBSCRIPTIONS + "S7,C1,Pro,1,2026-02-10,,12,TRUE\n"
    folder = SOURCE.connect(
        Connection("files", files.put(subs=text).options(entities=LEDGER), {}, lambda: NOW)
    )
    told = [reach.detail for reach in SOURCE.check(folder)]
    assert told == [
        "from subs.csv",
        "1 of 7 subscriptions end on or before their first day: these go to quarantine",
        "1 of 7 subscriptions are trials that cost money: these go to quarantine",
        "3 of 7 subscriptions overlap another of the same customer: their amounts add up",
    ]


def test_unchanged_content_is_not_read_again(files: Files) -> None:
    files.put(accounts=ACCOUNTS)
    first = files.pull()["accounts"]
    again = files.pull()["accounts"]
    assert isinstance(first, Loaded)
    assert isinstance(again, Loaded)
    assert (first.rows_read, again.rows_read, again.rows_total) == (1, 0, 1)


def test_rows_that_left_the_file_are_deleted_and_may_return(files: Files) -> None:
    two = ACCOUNTS + "A2,Bea,bea.example,2026-01-02\n"
    files.put(accounts=two).rows("accounts")
    ada, bea = files.put(accounts=ACCOUNTS).rows("accounts")
    assert (ada["_deleted_at"], bea["_deleted_at"]) == (None, NOW.replace(tzinfo=None))
    ada, bea = files.put(accounts=two).rows("accounts")
    assert (ada["_deleted_at"], bea["_deleted_at"]) == (None, None)


def test_only_changed_rows_are_changes(files: Files) -> None:
    files.put(accounts=ACCOUNTS + "A2,Bea,bea.example,2026-01-02\n").pull()
    done = files.put(accounts=ACCOUNTS + "A2,Bee,bea.example,2026-01-02\n").pull()["accounts"]
    assert isinstance(done, Loaded)
    assert (done.rows_read, done.rows_changed, done.rows_total) == (2, 1, 2)


def test_rows_that_share_a_key_are_all_offered(files: Files) -> None:
    """The contract's rule of uniqueness must see them; landing may not choose one."""
    rows = files.put(accounts=ACCOUNTS + "A1,Another Ada,ada.example,2026-01-02\n").rows("accounts")
    assert [row["source_id"] for row in rows] == ["A1", "A1"]


def test_a_file_with_the_engines_own_column_names_is_read(files: Files) -> None:
    text = (
        "account_id,name,payload,_updated_at,_deleted_at\n"
        "A1,Ada,p,2026-05-01T00:00:00+02:00,2026-06-01\n"
    )
    (row,) = files.put(accounts=text).rows("accounts")
    assert row["_updated_at"] == datetime(2026, 4, 30, 22)
    assert row["_deleted_at"] == datetime(2026, 6, 1)
    assert json.loads(row["custom"]) == {"payload": "p"}


def test_parquet_keeps_decimals_exact(files: Files) -> None:
    columns = (
        "'I1' AS invoice_id, 'C1' AS customer_id, 'paid' AS status, 'USD' AS currency, "
        "12345678901234.57::DECIMAL(18,2) AS total, TIMESTAMP '2026-01-02 03:04:05' AS issued_at"
    )
    duckdb.execute(f"COPY (SELECT {columns}) TO '{files.folder}/invoices.parquet'")
    (row,) = files.rows("invoices")
    assert row["total"] == Decimal("12345678901234.57")
    assert row["issued_at"] == datetime(2026, 1, 2, 3, 4, 5)


def test_ndjson_keeps_records_as_they_are(files: Files) -> None:
    records = [
        {"account_id": "A1", "name": 'Ada "the" Co, \u00e9\u4e2d', "employees": 12},
        {"account_id": "A|2", "name": "Bea\nBee", "custom": {"a": [1, 2]}},
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (files.folder / "accounts.ndjson").write_text(text, encoding="utf-8")
    ada, bea = files.rows("accounts")
    assert (ada["name"], ada["employees"]) == ('Ada "the" Co, \u00e9\u4e2d', 12)
    assert (bea["source_id"], bea["name"]) == ("A|2", "Bea\nBee")
    assert json.loads(bea["custom"]) == {"a": [1, 2]}


def failing(files: Files, **options: Any) -> tuple[str, list[str]]:
    """The error of the one stream that fails, and what the check says."""
    (error,) = [each for each in files.pull(**options).values() if isinstance(each, str)]
    problems = files.problems(**options)
    assert error in " | ".join(problems) or any(error.startswith(p[:20]) for p in problems)
    return error, problems


def test_a_misspelt_column_is_named_with_the_nearest(files: Files) -> None:
    error, _ = failing(files.put(accounts="account_id,name,industy\nA1,Ada,Tools\n"))
    assert error == (
        "accounts.csv: nothing is made of its column 'industy'; did you mean 'industry'? "
        "Else name it in `ignore`"
    )
    assert files.rows("accounts", entities={"accounts": {"ignore": ["industy"]}})


def test_a_missing_column_is_named_with_the_nearest(files: Files) -> None:
    error, _ = failing(files.put(accounts="acount_id,name\nA1,Ada\n"))
    assert "accounts.csv" in error
    assert "'acount_id'" in error
    assert "did you mean 'account_id'?" in error


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (
            {"columns": {"nme": "name"}},
            "accounts has no column 'nme' (columns); did you mean 'name'?",
        ),
        ({"columns": {"name": "nam"}}, "it has no column 'nam'; did you mean 'name'?"),
        ({"constants": {"contry": "US"}}, "accounts has no column 'contry' (constants)"),
        ({"ignore": ["nothing"]}, "it has no column 'nothing'"),
    ],
)
def test_a_wrong_mapping_is_named(files: Files, mapping: dict[str, Any], text: str) -> None:
    error, _ = failing(files.put(accounts=ACCOUNTS), entities={"accounts": mapping})
    assert text in error


def test_one_bad_file_leaves_the_others(files: Files) -> None:
    files.put(accounts=ACCOUNTS, users="user_id,name,is_activ\nU1,Una,true\n")
    done = files.pull()
    assert isinstance(done["accounts"], Loaded)
    assert isinstance(done["users"], str)
    offered = {offer.entity for offer in SOURCE.offers(files.options())}
    assert offered == {"accounts"}


def test_a_missing_file_fails_a_stream_of_its_name(files: Files) -> None:
    mapping = {"accounts": {"file": "acounts.csv"}}
    done = files.put(accounts=ACCOUNTS).pull(entities=mapping)
    assert done["acounts"] == (
        "acounts.csv: no such file for accounts; did you mean 'accounts.csv'?"
    )


def test_a_missing_folder_fails_and_says_so(files: Files) -> None:
    files.folder.rmdir()
    assert files.pull() == {"folder": f"{files.folder}: there is no such folder; correct `path`"}


def test_a_file_of_no_entity_is_told_with_the_nearest(files: Files) -> None:
    files.put(accounts=ACCOUNTS, invoice="invoice_id\nI1\n")
    assert files.problems() == ["invoice.csv: no entity is made of it; did you mean 'invoices'?"]
    assert files.problems(ignore=["invoice"]) == []


def test_a_broken_file_is_named(files: Files) -> None:
    (files.folder / "accounts.parquet").write_bytes(b"not parquet at all")
    (error,) = files.pull().values()
    assert isinstance(error, str)
    assert error.startswith("accounts.parquet")


@pytest.mark.parametrize(
    ("entities", "text"),
    [
        ({"acounts": {}}, "did you mean 'accounts'?"),
        ({"accounts": {"expand": {"start": "a", "end": "b", "monthly_amount": "c"}}}, "only"),
        ({"subscription_periods": {"expand": {"start": "a", "end": "b"}}}, "name one of"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(entities: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text.replace("?", r"\?")):
        FilesOptions.model_validate({"path": "x", "entities": entities})


def test_the_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "revops.toml").write_text('[sources.files]\npath = "data"\n', encoding="utf-8")
    environment = {"REVOPS_CONFIG": str(tmp_path / "revops.toml")}
    settings = load_settings(environment, Path("elsewhere"), plugin_kinds())
    assert settings.sources["files"].options.path == (tmp_path / "data").resolve()


@pytest.mark.parametrize("name", ['a"b', "a'b", "a;DROP TABLE x", "a/b~c", "select"])
def test_names_of_columns_are_inert(files: Files, name: str) -> None:
    header = '"' + name.replace('"', '""') + '"'
    files.put(accounts=f"account_id,name,{header}\nA1,Ada,odd\n")
    (row,) = files.rows("accounts")
    assert json.loads(row["custom"]) == {name: "odd"}
