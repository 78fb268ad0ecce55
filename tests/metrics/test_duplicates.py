"""duplicates: what is a pair, what is none, what a cluster keeps, how it is counted."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
from duplicate_world import Row, rows_of
from metric_warehouse import Warehouse, at, on

from revops_pipelines.assets.metrics import _duplicate_records
from revops_pipelines.assets.metrics._duplicate_pairs import clusters_of, probable_duplicates

JUNE = on("2026-06-01")


def person(lead: str, name: str | None, email: str | None = None, **columns: Any) -> dict[str, Any]:
    """A contact of Acme in the United States, unless told otherwise."""
    row = {
        "lead_id": lead,
        "source": lead.partition(":")[0],
        "full_name": name,
        "email": email,
        "account_id": "crm:acme",
        "country": "US",
        "created_at": at("2026-01-05 10:00"),
    }
    return row | columns


def company(account: str, name: str, domain: str | None, **columns: Any) -> dict[str, Any]:
    """A company in Germany, unless told otherwise."""
    row = {
        "account_id": account,
        "source": account.partition(":")[0],
        "name": name,
        "domain": domain,
        "country": "DE",
        "created_at": at("2026-01-05 10:00"),
    }
    return row | columns


def pairs(warehouse: Warehouse) -> set[tuple[str, str]]:
    """The pairs that were found."""
    warehouse.build("duplicates")
    found = warehouse.rows(
        "SELECT record_id, other_id FROM metrics.duplicates WHERE state = 'probable'"
    )
    return set(found)


@pytest.mark.parametrize(
    ("name", "email", "columns"),
    [
        pytest.param("Jane Doe", "jdoe@acme.example", {}, id="another mailbox"),
        pytest.param("Doe, Jane", None, {}, id="a list without addresses, names turned"),
        pytest.param("JANE DÖE", "jane.deo@acme.example", {}, id="typing error, accents, capitals"),
        pytest.param("Dr. Jane Doe", "jane@gmail.com", {}, id="private address, a title"),
        pytest.param("Jane Doe", "jane.doe@acme.co.uk", {"account_id": None}, id="sister domain"),
    ],
)
def test_one_person_twice(
    warehouse: Warehouse, name: str, email: str | None, columns: dict[str, Any]
) -> None:
    warehouse.put("leads", person("crm:1", "Jane Doe", "jane.doe@acme.example"))
    warehouse.put("leads", person("crm:2", name, email, **columns))
    assert pairs(warehouse) == {("crm:1", "crm:2")}


@pytest.mark.parametrize(
    ("name", "email", "columns"),
    [
        pytest.param("Bob Miller", "bob.miller@acme.example", {}, id="same company, other person"),
        pytest.param("Peter Doe", "peter.doe@acme.example", {}, id="same family"),
        pytest.param(
            "Jane Doe",
            "jane.doe@other.example",
            {"account_id": "crm:other"},
            id="same name at another company",
        ),
        pytest.param("Jane Doe", "jane.doe@acme.example", {"excluded_reason": "test"}, id="a test"),
        pytest.param(
            "Jane Doe",
            "jdoe@acme.example",
            {"_deleted_at": at("2026-06-01 00:00")},
            id="deleted",
        ),
        pytest.param(
            "Jane Doe",
            "jdoe@acme.example",
            {"created_at": at("2026-07-02 00:00")},
            id="not known yet",
        ),
        pytest.param("Jane", "info@acme.example", {}, id="one word and a desk's mailbox"),
    ],
)
def test_two_people(warehouse: Warehouse, name: str, email: str, columns: dict[str, Any]) -> None:
    warehouse.put("leads", person("crm:1", "Jane Doe", "jane.doe@acme.example"))
    warehouse.put("leads", person("crm:2", name, email, **columns))
    assert pairs(warehouse) == set()


def test_companies(warehouse: Warehouse) -> None:
    warehouse.put(
        "accounts",
        company("crm:1", "Acme Robotics", "acme.example"),
        company("crm:2", "ACME Robotics GmbH", "https://www.acme.example/de"),
        company("erp:3", "Acme Robotics Ltd.", "acme.co.uk"),
        company("crm:4", "Acme Robotics Bavaria", "acme.example", parent_account_id="crm:1"),
        company("crm:5", "Acme Foods", "acmefoods.example"),
        company("crm:6", "Globex", "gmail.com"),
        company("crm:7", "Initech", "gmail.com"),
    )
    found = pairs(warehouse)
    assert ("crm:1", "crm:2") in found
    assert ("crm:1", "erp:3") in found
    assert ("crm:1", "crm:4") not in found
    assert not {"crm:5", "crm:6", "crm:7"} & {end for pair in found for end in pair}


def test_daughters_of_one_parent_are_two(warehouse: Warehouse) -> None:
    shared = {"parent_account_id": "crm:0"}
    warehouse.put(
        "accounts",
        company("crm:1", "Acme", "acme.example", **shared),
        company("crm:2", "Acme", "acme.example", **shared),
    )
    assert pairs(warehouse) == set()


def test_the_busiest_record_is_kept_then_the_oldest(warehouse: Warehouse) -> None:
    later, earlier = at("2026-03-01 00:00"), at("2026-02-01 00:00")
    warehouse.put(
        "leads",
        person("crm:1", "Jane Doe", "jane.doe@acme.example"),
        person("crm:2", "Jane Doe", "jdoe@acme.example", created_at=later),
        person("crm:3", "Bob Stone", "bob.stone@acme.example", created_at=later),
        person("crm:4", "Bob Stone", "bstone@acme.example", created_at=earlier),
    )
    for activity, lead, moment in (("a", "crm:2", "2026-04-01"), ("b", "crm:1", "2026-07-30")):
        warehouse.put(
            "activities",
            {"activity_id": activity, "lead_id": lead, "occurred_at": at(f"{moment} 00:00")},
        )
    warehouse.build("duplicates")
    kept = warehouse.rows(
        "SELECT cluster_id, keep_id, keep_because FROM metrics.duplicates ORDER BY cluster_id"
    )
    assert kept == [("crm:1", "crm:2", "most activity"), ("crm:3", "crm:4", "oldest")]


def test_counts_within_and_across(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads",
        person("crm:1", "Jane Doe", "jane.doe@acme.example", segment="SMB"),
        person("crm:2", "Jane Doe", "jdoe@acme.example", segment="SMB"),
        person("crm:3", "Bob Stone", "bob.stone@acme.example"),
        person("list:4", "Bob Stone", "bstone@acme.example"),
        person("crm:5", "Someone Else", "someone.else@acme.example"),
        person("crm:6", "Tess Ting", None, excluded_reason="test"),
    )
    warehouse.build("duplicates")
    columns = "value, n, excluded, is_mature"
    assert warehouse.values("duplicates", columns=columns) == {JUNE: (4, 5, '{"test":1}', False)}
    assert warehouse.value("duplicates_within", "2026-06-01") == 2
    assert warehouse.value("duplicates_across", "2026-06-01") == 2
    assert float(warehouse.value("duplicates_share", "2026-06-01")) == 0.8
    small = {"dimensions": '{"segment":"SMB"}'}
    assert warehouse.value("duplicates_within", "2026-06-01", **small) == 2
    spans = warehouse.rows("SELECT record_id, span FROM metrics.duplicates ORDER BY record_id")
    assert spans == [("crm:1", "within"), ("crm:3", "across")]


def test_the_table_tells_no_names(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads", person("crm:1", "Jane Doe", "jane.doe@acme.example", url="https://crm/1")
    )
    warehouse.put("leads", person("crm:2", "Jayne Doe", "jane.doe2@acme.example"))
    warehouse.build("duplicates")
    [row] = warehouse.rows("SELECT * FROM metrics.duplicates")
    assert not [word for word in ("jane", "doe", "acme.example") if word in repr(row).lower()]
    assert "names alike (0.9" in repr(row)
    assert "same company" in repr(row)
    assert "https://crm/1" in row


def test_chains_are_one_cluster() -> None:
    assert clusters_of([(5, 4), (2, 3), (4, 3), (8, 9)]) == {2: 2, 3: 2, 4: 2, 5: 2, 8: 8, 9: 8}


def test_too_large_a_block_is_cut_and_said_loudly(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    namesakes = [
        person(f"crm:{number}", "Maria Garcia", None, account_id=None) for number in range(101)
    ]
    warehouse.put("leads", *namesakes)
    with caplog.at_level(logging.WARNING):
        assert pairs(warehouse) == set()
    assert "1 blocks by_name with 101 records are too large and were cut" in caplog.text
    assert warehouse.values("duplicates", columns="value, n, excluded") == {}
    states = warehouse.rows("SELECT state, other_id, COUNT(*) FROM metrics.duplicates GROUP BY ALL")
    assert states == [("not_compared", None, 101)]
    warehouse.put("leads", person("crm:x", "Someone Else"))
    warehouse.build("duplicates")
    shown = warehouse.values("duplicates", columns="value, n, excluded")
    assert shown == {JUNE: (0, 1, '{"too_common_to_compare":101}')}


def test_pairs_in_all_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        _lead(f"crm:{block}.{number}", f"Ann Number{block}")
        for block, size in enumerate((2, 3, 4))
        for number in range(size)
    ]
    monkeypatch.setattr(_duplicate_records, "PAIR_LIMIT", 4)
    found = probable_duplicates(pd.DataFrame(rows))
    assert set(found[found.state == "not_compared"].record_id) == {f"crm:2.{n}" for n in range(4)}
    assert "1 blocks by_name with 4 records" in caplog.text


def _lead(record_id: str, name: str) -> Row:
    columns = "email domain company_id parent_id country created_at link".split()
    row = {"entity": "leads", "record_id": record_id, "source": "crm", "name": name}
    return row | {"activities": 0} | dict.fromkeys(columns)


def test_the_order_of_rows_does_not_matter() -> None:
    rows, _, _ = rows_of(11)
    first = probable_duplicates(pd.DataFrame(rows))
    again = probable_duplicates(pd.DataFrame(random.Random(1).sample(rows, len(rows))))
    assert len(first) > 10
    pd.testing.assert_frame_equal(first, again)


def test_finding_says_nothing_and_draws_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    people = [_lead("crm:1", "Jane Doe"), _lead("crm:2", "Jane Doe")]
    probable_duplicates(pd.DataFrame(people))
    assert capfd.readouterr() == ("", "")


def test_declaring_it_does_not_import_splink() -> None:
    code = (
        "import sys, revops_pipelines.assets.metrics.duplicates; "
        "sys.exit('splink' in sys.modules or 'altair' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
