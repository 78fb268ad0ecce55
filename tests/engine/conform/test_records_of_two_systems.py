"""The same thing in two systems: linked, counted once, and whom to believe about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.assets import conformed
from revops_pipelines.assets.parameters import sources_asset
from revops_pipelines.engine.conform.build import conform
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.precedence import Precedence
from revops_pipelines.engine.conform.prepare import prepare_conform
from revops_pipelines.engine.conform.stage import SourceOffer
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.engine.plugin_tables import ConfigurationError
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.settings import Settings

ENTITIES = discover(conformed, Entity)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
AREAS = [("old", "CRM"), ("new", "CRM"), ("us", "billing"), ("eu", "billing")]


class Company:
    """Offers of several sources, conformed one entity after the other."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.precedence: dict[str, Precedence] = {}
        self._offers: dict[tuple[str, str], SourceOffer] = {}

    def offer(self, entity: str, source: str, names: str, *rows: str) -> None:
        sql = f"SELECT * FROM (VALUES {', '.join(rows)}) t({names})"
        self._offers[entity, source] = SourceOffer(source, Offer(entity, sql, ()))

    def build(self, *entities: str) -> None:
        settings = Settings(home=Path("nowhere"), precedence=self.precedence)
        prepare_conform(self.connection, ENTITIES.values(), AREAS, (), self.precedence)
        for name in entities:
            own = [offer for (entity, _), offer in self._offers.items() if entity == name]
            result = conform(self.connection, ENTITIES[name], own, settings, "run", NOW)
            assert not result.quarantined, result.reasons

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def links(self, entity: str) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT canonical_id, record_id, evidence FROM conformed.identity_links "
            f"WHERE entity = '{entity}' ORDER BY ALL"
        )


@pytest.fixture
def company() -> Iterator[Company]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(connection)
        yield Company(connection)


ACCOUNT = "source_id, account_id, name, domain, industry, created_at"


def accounts(company: Company) -> None:
    company.offer(
        "accounts", "old", ACCOUNT, "('1', 'old:1', 'Acme', 'acme.io', 'Toys', DATE '2024-01-01')"
    )
    company.offer(
        "accounts",
        "new",
        ACCOUNT,
        "('9', 'new:9', 'ACME Inc', 'www.acme.io', 'Games', DATE '2026-01-01')",
        "('8', 'new:8', 'Bolt', 'bolt.io', NULL, DATE '2026-01-01')",
    )


def test_the_first_configured_leads_among_equals(company: Company) -> None:
    accounts(company)
    company.build("accounts")
    assert company.rows("SELECT account_id, name, industry FROM conformed.accounts ORDER BY 1") == [
        ("new:8", "Bolt", None),
        ("old:1", "Acme", "Toys"),
    ]
    assert company.links("accounts") == [("old:1", "new:9", "same web domain")]


def test_precedence_names_another_leader(company: Company) -> None:
    accounts(company)
    company.precedence = {"accounts": Precedence(order=("new", "old"))}
    company.build("accounts")
    assert company.rows("SELECT account_id, name FROM conformed.accounts ORDER BY 1") == [
        ("new:8", "Bolt"),
        ("new:9", "ACME Inc"),
    ]
    assert company.links("accounts") == [("new:9", "old:1", "same web domain")]


def test_a_field_may_be_believed_of_another_source(company: Company) -> None:
    accounts(company)
    company.precedence = {
        "accounts": Precedence(order=("new",), fields={"industry": ("old",), "name": ("us",)})
    }
    company.build("accounts")
    row = "SELECT name, industry FROM conformed.accounts WHERE account_id = 'new:9'"
    # Nothing is known from `us`: the usual order decides.
    assert company.rows(row) == [("ACME Inc", "Toys")]
    company.precedence = {}
    company.build("accounts")
    assert company.rows("SELECT count(*) FROM conformed.accounts") == [(2,)]


def test_an_empty_value_of_the_believed_source_gives_way(company: Company) -> None:
    accounts(company)
    company.offer(
        "accounts", "old", ACCOUNT, "('1', 'old:1', 'Acme', 'acme.io', NULL, DATE '2024-01-01')"
    )
    company.precedence = {"accounts": Precedence(fields={"industry": ("old", "new")})}
    company.build("accounts")
    assert company.rows("SELECT industry FROM conformed.accounts WHERE account_id = 'old:1'") == [
        ("Games",)
    ]


USER = "source_id, user_id, name, email, is_active"


def test_a_colleague_in_two_systems_is_one_and_owns_alike(company: Company) -> None:
    company.offer("users", "old", USER, "('1', 'old:1', 'Ann', 'Ann@x.io', false)")
    company.offer(
        "users",
        "new",
        USER,
        "('5', 'new:5', 'Ann B', 'ann@x.io', true)",
        "('6', 'new:6', 'C', NULL, true)",
    )
    company.offer(
        "accounts",
        "new",
        "source_id, account_id, owner_id, parent_account_id",
        "('9', 'new:9', 'new:5', NULL)",
    )
    company.build("users", "accounts")
    assert company.rows("SELECT user_id, name, is_active FROM conformed.users ORDER BY 1") == [
        ("new:6", "C", True),
        ("old:1", "Ann", True),
    ]
    assert company.rows("SELECT owner_id FROM conformed.accounts") == [("old:1",)]


CUSTOMER = "source_id, customer_id, name, email, external_account_id, created_at"
PERIOD = (
    "source_id, subscription_id, customer_id, item_id, product, quantity, status, monthly_amount, "
    "currency, valid_from_on, valid_to_on"
)


def test_a_customer_of_two_billing_systems_is_one(company: Company) -> None:
    accounts(company)
    company.offer(
        "customers",
        "us",
        CUSTOMER,
        "('a', 'us:a', 'Acme', 'ap@acme.io', NULL, DATE '2024-01-01')",
        "('b', 'us:b', 'Acme Lab', 'lab@acme.io', NULL, DATE '2025-01-01')",
        "('c', 'us:c', 'Jo', 'jo@gmail.com', NULL, DATE '2025-01-01')",
        "('d', 'us:d', 'No mail', NULL, NULL, DATE '2025-01-01')",
    )
    company.offer(
        "customers",
        "eu",
        CUSTOMER,
        "('x', 'eu:x', 'Acme GmbH', 'billing@other.io', '1', DATE '2026-01-01')",
        "('y', 'eu:y', 'Jo', 'JO+eu@gmail.com', NULL, DATE '2026-01-01')",
        "('z', 'eu:z', 'No mail', NULL, NULL, DATE '2026-01-01')",
    )
    for source, customer, start, end in (
        ("us", "us:a", "2024-01-01", "'2026-02-01'"),
        ("eu", "eu:x", "2026-02-01", "NULL"),
    ):
        company.offer(
            "subscription_periods",
            source,
            PERIOD,
            f"('p', '{source}:s', '{customer}', 'i', 'Pro', 1, 'active', 10.00, 'USD', "
            f"'{start}', {end})",
        )
    company.build("accounts", "leads", "customers", "subscription_periods")
    assert company.links("customers") == [
        ("us:a", "eu:x", "same company"),
        ("us:c", "eu:y", "same mailbox"),
    ]
    # Two parties of one company in one system stay two, as that system has it.
    names = company.rows("SELECT customer_id, name, account_id FROM conformed.customers ORDER BY 1")
    assert names == [
        ("eu:z", "No mail", None),
        ("us:a", "Acme", "old:1"),
        ("us:b", "Acme Lab", "old:1"),
        ("us:c", "Jo", None),
        ("us:d", "No mail", None),
    ]
    # Moving from one billing system to the other is one customer's contiguous story.
    periods = company.rows(
        "SELECT customer_id, valid_from_on::VARCHAR, valid_to_on::VARCHAR "
        "FROM conformed.subscription_periods ORDER BY 2"
    )
    assert periods == [("us:a", "2024-01-01", "2026-02-01"), ("us:a", "2026-02-01", None)]


DEAL = (
    "source_id, opportunity_id, account_id, name, kind, pipeline, stage, amount, currency, "
    "created_at, close_on, closed_at, is_closed, is_won"
)
STAY = "source_id, opportunity_id, pipeline, stage, entered_at, is_qualified, is_closed, is_won"


def deal(key: str, account: str, name: str, amount: int, closed: str = "NULL") -> str:
    source, _, own = key.partition(":")
    return (
        f"('{own}', '{key}', '{account}', '{name}', 'new', '{source}', 's', {amount}, 'USD', "
        f"TIMESTAMP '2026-0{own}-01', DATE '2026-0{own}-09', {closed}::TIMESTAMP, "
        f"{'false' if closed == 'NULL' else 'true'}, false)"
    )


def test_a_deal_that_two_crms_hold_is_counted_once(company: Company) -> None:
    accounts(company)
    company.offer(
        "opportunities",
        "old",
        DEAL,
        deal("old:1", "old:1", "Acme - Pro", 100, "'2026-01-09'"),
        deal("old:2", "old:1", "Twice", 5),
        deal("old:3", "old:1", "Twice", 5),
        deal("old:4", "old:1", "Other amount and days", 1),
    )
    company.offer(
        "opportunities",
        "new",
        DEAL,
        deal("new:5", "new:9", "acme - pro ", 100),
        deal("new:6", "new:9", "Twice", 5),
        deal("new:7", "new:9", "Other amount and days", 2),
        deal("new:8", "new:8", "Acme - Pro", 100),
    )
    company.offer(
        "opportunity_stage_history",
        "old",
        STAY,
        "('1', 'old:1', 'old', 's', '2026-01-01', false, false, false)",
    )
    company.offer(
        "opportunity_stage_history",
        "new",
        STAY,
        "('5', 'new:5', 'new', 's', '2026-05-01', false, false, false)",
    )
    company.precedence = {"opportunities": Precedence(order=("new",))}
    company.build("accounts", "opportunities", "opportunity_stage_history")
    assert company.links("opportunities") == [("new:5", "old:1", "same company and name")]
    assert company.rows("SELECT count(*) FROM conformed.opportunities") == [(7,)]
    # The leading record counts as it stands, not filled up with what the other one knew.
    state = (
        "SELECT is_closed, closed_at FROM conformed.opportunities WHERE opportunity_id = 'new:5'"
    )
    assert company.rows(state) == [(False, None)]
    assert company.rows("SELECT opportunity_id FROM conformed.opportunity_stage_history") == [
        ("new:5",)
    ]


def test_a_pair_of_deals_stays_one_when_the_living_one_moves_on(company: Company) -> None:
    accounts(company)
    company.offer("opportunities", "old", DEAL, deal("old:1", "old:1", "Pro", 100))
    company.offer("opportunities", "new", DEAL, deal("new:5", "new:9", "Pro", 100))
    company.build("accounts", "opportunities")
    company.offer("opportunities", "new", DEAL, deal("new:5", "new:9", "Pro", 250))
    company.build("accounts", "opportunities")
    assert company.links("opportunities") == [("old:1", "new:5", "same company and name")]
    company.offer("opportunities", "new", DEAL, deal("new:5", "new:8", "Pro", 250))
    company.build("accounts", "opportunities")
    assert company.links("opportunities") == []


@pytest.mark.parametrize(
    ("entity", "precedence", "said"),
    [
        ("acounts", Precedence(order=("new",)), r"precedence.acounts: .*'accounts'"),
        ("invoices", Precedence(order=("new",)), r"precedence.invoices: records of it are never"),
        ("accounts", Precedence(order=("nwe",)), r"no source 'nwe' runs; .*'new'"),
        ("accounts", Precedence(fields={"nmae": ("new",)}), r"precedence.accounts.nmae; .*'name'"),
        ("accounts", Precedence(fields={"name": ("x1",)}), r"no source 'x1' runs"),
    ],
)
def test_a_precedence_that_cannot_be_meant_is_refused(
    entity: str, precedence: Precedence, said: str
) -> None:
    settings = Settings(home=Path("nowhere"), precedence={entity: precedence})
    with pytest.raises(ConfigurationError, match=said):
        sources_asset(ENTITIES.values(), AREAS, {}, settings)
