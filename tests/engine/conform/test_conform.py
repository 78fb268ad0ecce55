"""Building conformed entities: casts, contracts, quarantine, incrementality, identity."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from revops_pipelines.assets import conformed
from revops_pipelines.engine.conform.build import Conformed, conform
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.prepare import MERGES, prepare_conform
from revops_pipelines.engine.conform.stage import OfferError, SourceOffer
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.engine.registry import discover
from revops_pipelines.settings import Settings

ENTITIES = discover(conformed, Entity)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SETTINGS = Settings(home=Path("nowhere"))


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for schema in ("raw", "conformed", "ops"):
            connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(
            "CREATE TABLE ops.quarantine (entity VARCHAR, source VARCHAR, source_id VARCHAR, "
            "rule VARCHAR, column_name VARCHAR, masked_value VARCHAR, first_seen_at TIMESTAMP, "
            "last_seen_at TIMESTAMP, run_id VARCHAR)"
        )
        yield connection


def offer(entity: str, sql: str, source: str = "crm") -> SourceOffer:
    return SourceOffer(source, Offer(entity, sql, ()))


def build(connection, entity: str, *offers: SourceOffer, now: datetime = NOW) -> Conformed:
    areas = [("crm", "CRM"), ("map", "marketing"), ("bill", "billing")]
    prepare_conform(connection, ENTITIES.values(), areas, ["Ours.io"])
    own = [o for o in offers if o.offer.entity == entity]
    merges = [o for o in offers if o.offer.entity == MERGES]
    return conform(connection, ENTITIES[entity], own, SETTINGS, "run", now, merges)


def users(*rows: str) -> SourceOffer:
    names = "(source_id, user_id, name, email, team, time_zone, is_active)"
    return offer("users", f"SELECT * FROM (VALUES {', '.join(rows)}) t{names}")


ANN = "('1', 'crm:1', 'Ann', 'ann@x.io', 'EMEA', 'Europe/Paris', 'true')"
BOB = "('2', 'crm:2', 'Bob', 'bob@x.io', 'EMEA', 'Europe/Paris', 'true')"


def test_every_contract_has_a_conformed_file():
    from revops_pipelines.contracts import CONTRACTS

    assert set(ENTITIES) == set(CONTRACTS)


def test_good_rows_are_cast_and_stored(connection):
    result = build(connection, "users", users(ANN, BOB))
    assert (result.rows, result.changed, result.quarantined) == (2, 2, 0)
    stored = connection.sql("SELECT user_id, is_active, source FROM conformed.users ORDER BY 1")
    assert stored.fetchall() == [("crm:1", True, "crm"), ("crm:2", True, "crm")]


def test_a_value_that_does_not_cast_goes_to_quarantine_and_the_rest_goes_on(connection):
    broken = BOB.replace("'true'", "'perhaps'")
    result = build(connection, "users", users(ANN, broken))
    assert result.rows == 1
    assert ("cast", "is_active", 1) in result.reasons
    assert result.quarantined == 1
    line = connection.sql("SELECT source_id, rule, column_name FROM ops.quarantine").fetchall()
    assert ("2", "cast", "is_active") in line


def test_a_null_key_is_set_aside_with_its_rule(connection):
    result = build(connection, "users", users(ANN, BOB.replace("'crm:2'", "NULL")))
    assert result.rows == 1
    assert result.reasons == (("not_nullable", "user_id", 1),)


def test_a_rule_on_whole_rows_counts_each_row_once(connection):
    names = "(source_id, subscription_id, item_id, customer_id, monthly_amount, currency, status, "
    names += "valid_from_on, valid_to_on)"
    rows = [
        f"('{n}', 'b:s{n}', 'b:i', 'b:c', 10, 'USD', 'active', DATE '2026-02-01', DATE '{ends}')"
        for n, ends in ((1, "2026-01-01"), (2, "2026-02-01"), (3, "2026-03-01"))
    ]
    sql = f"SELECT * FROM (VALUES {', '.join(rows)}) t{names}"
    result = build(connection, "subscription_periods", offer("subscription_periods", sql))
    assert (result.rows, result.quarantined) == (1, 2)
    assert result.reasons == (("ends_after_it_starts", "", 2),)


def test_values_in_quarantine_are_masked(connection):
    rows = "('1', 'crm:1', 'secret@person.io', 'crm:a', true, TIMESTAMP '2026-01-01')"
    names = "(source_id, lead_id, excluded_reason, account_id, is_inbound, created_at)"
    build(connection, "leads", offer("leads", f"SELECT * FROM (VALUES {rows}) t{names}"))
    masked = connection.sql("SELECT masked_value FROM ops.quarantine").fetchall()
    assert masked == [("s*** (16 characters)",)]


def test_a_mended_row_leaves_quarantine(connection):
    build(connection, "users", users(ANN, BOB.replace("'crm:2'", "NULL")))
    result = build(connection, "users", users(ANN, BOB))
    assert (result.rows, result.changed, result.quarantined) == (2, 1, 0)
    assert connection.sql("SELECT count(*) FROM ops.quarantine").fetchone() == (0,)


def test_first_seen_stays_while_a_row_keeps_failing(connection):
    broken = users(BOB.replace("'true'", "'perhaps'"))
    build(connection, "users", broken)
    later = datetime(2026, 7, 1, tzinfo=UTC)
    build(connection, "users", broken, now=later)
    seen = connection.sql("SELECT min(first_seen_at), max(last_seen_at) FROM ops.quarantine")
    assert seen.fetchone() == (NOW.replace(tzinfo=None), later.replace(tzinfo=None))


def test_nothing_changed_means_nothing_written(connection):
    build(connection, "users", users(ANN, BOB))
    result = build(connection, "users", users(BOB, ANN))
    assert (result.changed, result.removed, result.rows) == (0, 0, 2)


@pytest.mark.parametrize("suffix", ["", "__records"])
@pytest.mark.parametrize(
    "change", ["DROP COLUMN team", "ADD COLUMN gone INTEGER", "ALTER COLUMN team TYPE INTEGER"]
)
def test_tables_of_another_contract_are_made_anew(connection, suffix, change):
    """A warehouse that an older version filled goes on: what was there comes out of raw again."""
    build(connection, "users", users(ANN.replace("EMEA", "1")))
    connection.execute(f"ALTER TABLE conformed.users{suffix} {change}")
    build(connection, "users", users(ANN, BOB))
    stored = connection.sql("SELECT user_id, team FROM conformed.users ORDER BY 1").fetchall()
    assert stored == [("crm:1", "EMEA"), ("crm:2", "EMEA")]


def test_a_row_no_longer_offered_is_removed(connection):
    build(connection, "users", users(ANN, BOB))
    result = build(connection, "users", users(ANN))
    assert (result.rows, result.removed) == (1, 1)


def test_one_of_two_rows_with_one_key_goes_on(connection):
    result = build(connection, "users", users(ANN, ANN.replace("Ann", "Anna")))
    assert result.rows == 1
    assert result.reasons == (("unique", "source_id", 1),)


def test_text_with_an_offset_becomes_utc(connection):
    sql = (
        "SELECT '1' AS source_id, 'crm:1' AS touchpoint_id, '2026-01-01T01:00:00+02:00' "
        "AS occurred_at"
    )
    build(connection, "touchpoints", offer("touchpoints", sql))
    stored = connection.sql("SELECT occurred_at FROM conformed.touchpoints").fetchone()
    assert stored == (datetime(2025, 12, 31, 23),)


@pytest.mark.parametrize("when", ["1970-01-01", "9999-12-31"])
def test_d11_a_time_that_cannot_be_is_flagged(connection, when):
    sql = f"SELECT '1' AS source_id, 'crm:1' AS touchpoint_id, '{when}' AS occurred_at"
    assert build(connection, "touchpoints", offer("touchpoints", sql)).quarantined == 1


def test_an_unknown_column_names_the_nearest(connection):
    with pytest.raises(OfferError, match=r"users\.emial.*'email'"):
        build(connection, "users", offer("users", "SELECT '1' AS source_id, 'x' AS emial"))


def test_identifiers_that_point_nowhere_are_counted(connection):
    sql = (
        "SELECT '1' AS source_id, 'crm:1' AS touchpoint_id, 'crm:9' AS lead_id, "
        "TIMESTAMP '2026-01-01' AS occurred_at"
    )
    assert build(connection, "touchpoints", offer("touchpoints", sql)).dangling == (("lead_id", 1),)


def leads(source: str, *rows: str) -> SourceOffer:
    names = "(source_id, lead_id, email, is_inbound, raised_at, created_at, excluded_reason)"
    return offer("leads", f"SELECT * FROM (VALUES {', '.join(rows)}) t{names}", source)


def lead(source: str, number: int, email: str | None, raised: str | None, reason=None) -> str:
    def text(value):
        return "NULL" if value is None else f"'{value}'"

    inbound = "true" if raised else "false"
    return (
        f"('{number}', '{source}:{number}', {text(email)}, {inbound}, {text(raised)}, "
        f"'2026-01-0{number}', {text(reason)})"
    )


def test_one_person_per_mailbox_and_the_earliest_raise_counts(connection):
    crm = leads("crm", lead("crm", 2, "Jane@x.io", "2026-02-02"), lead("crm", 3, "o@x.io", None))
    marketing = leads("map", lead("map", 1, "jane+trial@X.io", "2026-02-01"))
    result = build(connection, "leads", crm, marketing)
    assert result.rows == 2
    jane = connection.sql(
        "SELECT lead_id, email, raised_at FROM conformed.leads WHERE lead_id = 'crm:2'"
    ).fetchone()
    assert jane == ("crm:2", "Jane@x.io", datetime(2026, 2, 1))
    links = connection.sql(
        "SELECT canonical_id, record_id, evidence FROM conformed.identity_links"
    ).fetchall()
    assert links == [("crm:2", "map:1", "same mailbox")]


def test_d7_a_merged_record_follows_its_winner_even_when_it_is_gone(connection):
    crm = leads("crm", lead("crm", 1, "a@x.io", "2026-02-02"), lead("crm", 2, "b@x.io", None))
    merged = offer(
        "merges",
        "SELECT 'leads' AS entity, 'crm:' || r AS record_id, 'crm:1' AS canonical_id "
        "FROM (VALUES ('2'), ('7')) t(r)",
    )
    build(connection, "leads", crm, merged)
    links = connection.sql(
        "SELECT record_id, canonical_id, evidence FROM conformed.identity_links ORDER BY 1"
    ).fetchall()
    assert links == [
        ("crm:2", "crm:1", "merged in its system"),
        ("crm:7", "crm:1", "merged in its system"),
    ]
    assert connection.sql("SELECT lead_id FROM conformed.leads").fetchall() == [("crm:1",)]


def test_identifiers_follow_the_person(connection):
    crm = leads("crm", lead("crm", 1, "a@x.io", "2026-02-02"))
    marketing = leads("map", lead("map", 2, "a@x.io", None))
    touch = offer(
        "touchpoints",
        "SELECT '5' AS source_id, 'map:5' AS touchpoint_id, 'map:2' AS lead_id, "
        "TIMESTAMP '2026-01-01' AS occurred_at",
        "map",
    )
    build(connection, "leads", crm, marketing, touch)
    build(connection, "touchpoints", crm, marketing, touch)
    assert connection.sql("SELECT lead_id FROM conformed.touchpoints").fetchall() == [("crm:1",)]


def test_a_test_lead_stays_one_whatever_its_twin_says(connection):
    crm = leads("crm", lead("crm", 1, "a@x.io", "2026-02-02", "test"))
    marketing = leads("map", lead("map", 2, "a@x.io", "2026-02-02"))
    build(connection, "leads", crm, marketing)
    assert connection.sql("SELECT excluded_reason FROM conformed.leads").fetchall() == [("test",)]


def test_an_imported_twin_does_not_hide_a_hand_raise(connection):
    crm = leads("crm", lead("crm", 1, "a@x.io", "2026-02-02"))
    marketing = leads("map", lead("map", 2, "a@x.io", None, "imported"))
    build(connection, "leads", crm, marketing)
    assert connection.sql("SELECT excluded_reason FROM conformed.leads").fetchall() == [(None,)]


def test_our_own_people_are_internal(connection):
    build(connection, "leads", leads("crm", lead("crm", 1, "me@ours.io", "2026-02-02")))
    assert connection.sql("SELECT excluded_reason FROM conformed.leads").fetchall() == [
        ("internal",)
    ]


def test_an_impossible_address_is_marked_for_every_source(connection):
    crm = leads(
        "crm",
        lead("crm", 1, "jane@x", "2026-02-02"),
        lead("crm", 2, "jane@x.io", "2026-02-02"),
        lead("crm", 3, "joe@example.com", "2026-02-02"),
        lead("crm", 4, "jim@y", "2026-02-02", "spam"),
    )
    build(connection, "leads", crm, leads("map", lead("map", 5, "zoe@@z.io", "2026-02-02")))
    found = connection.sql("SELECT lead_id, excluded_reason FROM conformed.leads ORDER BY lead_id")
    assert found.fetchall() == [
        ("crm:1", "invalid_email"),
        ("crm:2", None),
        ("crm:3", "test"),
        ("crm:4", "spam"),
        ("map:5", "invalid_email"),
    ]


def customer_world(connection, customer: str) -> tuple[str, str] | None:
    accounts = offer(
        "accounts",
        "SELECT * FROM (VALUES ('10', 'crm:10', 'Acme', 'https://www.acme.io/', 'ENT', 'DE'), "
        "('11', 'crm:11', 'Gmail', 'gmail.com', 'SMB', 'US')) "
        "t(source_id, account_id, name, domain, segment, country)",
    )
    build(connection, "accounts", accounts)
    build(connection, "customers", offer("customers", customer, "bill"))
    return connection.sql(
        "SELECT c.account_id, c.segment, c.region, l.evidence FROM conformed.customers c "
        "LEFT JOIN conformed.identity_links l "
        "ON l.entity = 'customer_accounts' AND l.record_id = c.customer_id"
    ).fetchone()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("'10' AS external_account_id", ("crm:10", "ENT", "identifier told to billing")),
        ("'ap@acme.io' AS email", ("crm:10", "ENT", "same web domain")),
        ("'ap@gmail.com' AS email", (None, None, None)),
        ("'11' AS external_account_id, 'a@acme.io' AS email", ("crm:11", "SMB", "identifier")),
    ],
)
def test_customers_find_their_company(connection, columns, expected):
    found = customer_world(
        connection, f"SELECT 'c1' AS source_id, 'bill:c1' AS customer_id, {columns}"
    )
    assert found is not None
    assert found[:2] == expected[:2]
    assert (found[3] or "None").startswith(expected[2] or "None")


def test_region_follows_the_country(connection):
    found = customer_world(
        connection,
        "SELECT 'c1' AS source_id, 'bill:c1' AS customer_id, '10' AS external_account_id",
    )
    assert found[2] == "Europe, Middle East and Africa"


@pytest.mark.parametrize("currency", ["NULL", "''", "'usd'", "'US'", "'$'"])
def test_d9_an_unknown_currency_goes_to_quarantine_and_is_never_one_to_one(connection, currency):
    rates = offer(
        "fx_rates",
        f"SELECT '1' AS source_id, {currency} AS currency, 'USD' AS base_currency, "
        "'1.5' AS rate, '2026-01-01' AS valid_on",
    )
    assert build(connection, "fx_rates", rates).rows == 0
    assert connection.execute("SELECT column_name FROM ops.quarantine").fetchall()
