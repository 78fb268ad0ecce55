"""What Stripe gives to the other entities: against the simulated books, and under contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.conform.stage import INCOMING, SourceOffer, stage
from revops_pipelines.engine.conform.validate import CHANGED, violations
from revops_pipelines.engine.ingest.landing import LandingWriter
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Landed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.stripe import SOURCE
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.sandbox.server import Sandbox
from revops_pipelines.sandbox.world.billing_calendar import epoch

STREAMS = {stream.name: stream for stream in SOURCE.streams(None)}
OFFERS = {offer.entity: offer for offer in SOURCE.offers(StripeOptions())}
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def empty() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    ensure_schema(connection)
    ensure_raw_tables(connection, "stripe", list(STREAMS.values()))
    return connection


@pytest.fixture(scope="module")
def loaded(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = empty()
    options = SOURCE.options.model_validate(
        SOURCE.sandbox_options(sandbox.urls)  # type: ignore[misc]
    )
    job = SourceJob("stripe", SOURCE, options, sandbox.keys["stripe"])
    landing = tmp_path_factory.mktemp("landing")
    for (_, name), landed in pull_sources([job], landing, sandbox.clock.now).items():
        assert isinstance(landed, Landed), landed
        load_stream(connection, "stripe", STREAMS[name], landed, "run", NOW)
    yield connection
    connection.close()


def offered(
    connection: duckdb.DuckDBPyConnection, entity: str, options: StripeOptions | None = None
) -> list[dict[str, Any]]:
    offers = {offer.entity: offer for offer in SOURCE.offers(options or StripeOptions())}
    stage(connection, CONTRACTS[entity], [SourceOffer("stripe", offers[entity])])
    result = connection.execute(f"SELECT * FROM {INCOMING} ORDER BY source_id")
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("entity", OFFERS)
def test_every_row_keeps_its_contract(loaded: duckdb.DuckDBPyConnection, entity: str) -> None:
    rows = offered(loaded, entity)
    loaded.execute(f"CREATE OR REPLACE TEMP TABLE {CHANGED} AS SELECT _row FROM {INCOMING}")
    assert rows or entity == "credit_notes"
    assert list(violations(loaded, CONTRACTS[entity])) == []


def test_payments_name_their_bill_and_what_was_given_back(
    loaded: duckdb.DuckDBPyConnection, sandbox: Sandbox
) -> None:
    books, now = sandbox.world.billing.books, epoch(sandbox.clock.now())
    factor = {"JPY": 1}
    true = {
        charge.id: (
            f"stripe:{charge.invoice.id}",
            "failed" if charge.failure else "succeeded",
            Decimal(charge.amount) / factor.get(charge.invoice.customer.currency, 100),
            sum(
                (Decimal(refund.amount) for refund in charge.refunds if refund.created <= now),
                Decimal(0),
            )
            / factor.get(charge.invoice.customer.currency, 100),
        )
        for charge in books.charges
        if charge.created <= now
    }
    found = {
        row["source_id"]: (
            row["invoice_id"],
            row["status"],
            row["amount"],
            row["refunded_amount"],
        )
        for row in offered(loaded, "payments")
    }
    assert found == true


def test_bills_add_up(loaded: duckdb.DuckDBPyConnection) -> None:
    """Total = lines - discounts + tax, on every bill that was simulated."""
    lines: dict[str, Decimal] = {}
    for row in offered(loaded, "invoice_lines"):
        worth = row["amount"] - row["discount_amount"]
        lines[row["invoice_id"]] = lines.get(row["invoice_id"], Decimal(0)) + worth
    bills = offered(loaded, "invoices")
    assert {row["invoice_id"]: row["total"] - row["tax"] for row in bills} == lines
    assert {row["status"] for row in bills} >= {"paid"}


def test_reasons_of_leaving_are_told(loaded: duckdb.DuckDBPyConnection, sandbox: Sandbox) -> None:
    now = epoch(sandbox.clock.now())
    kinds = {
        story.id: story.ending.kind
        for customer in sandbox.world.billing.customers
        for story in customer.subscriptions
        if story.ending is not None and story.ending.at <= now
    }
    for row in offered(loaded, "subscriptions"):
        kind = kinds.get(row["source_id"])
        if kind == "payment_failed":
            assert row["cancel_reason"] == "involuntary"
        elif kind in ("at_once", "at_period_end"):
            assert row["cancel_reason"] == "voluntary"
            assert row["ended_on"] is not None
    assert "at_once" in kinds.values() or "at_period_end" in kinds.values()


def records(tmp_path: Path, **rows: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    connection = empty()
    for name, each in rows.items():
        writer = LandingWriter(tmp_path, "stripe", name, NOW)
        writer.write([msgspec.json.encode(row) for row in each])
        load_stream(connection, "stripe", STREAMS[name], writer.finalise({}), "run", NOW)
    return connection


def test_customers_tell_the_crm_company_and_a_domain_of_their_own(tmp_path: Path) -> None:
    customers = [
        {"id": "cus_1", "email": " Ann@Acme.example ", "metadata": {"hubspot_company_id": "77"}},
        {"id": "cus_2", "email": "bob@gmail.com", "metadata": {"crm.id": "88"}},
        {"id": "cus_3", "email": None, "metadata": {}},
    ]
    common = {"created": 1_767_225_600, "currency": "usd", "address": {"country": "us"}}
    connection = records(tmp_path, customers=[each | common for each in customers])
    options = StripeOptions(external_account_keys=("hubspot_company_id", "crm.id"))
    found = {
        row["source_id"]: (row["email"], row["domain"], row["external_account_id"])
        for row in offered(connection, "customers", options)
    }
    connection.close()
    assert found == {
        "cus_1": ("ann@acme.example", "acme.example", "77"),
        "cus_2": ("bob@gmail.com", None, "88"),
        "cus_3": (None, None, None),
    }


def test_a_pause_of_collection_shows_in_the_status(tmp_path: Path) -> None:
    subscription = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "currency": "usd",
        "created": 1_767_225_600,
        "start_date": 1_767_225_600,
        "cancel_at_period_end": False,
        "pause_collection": {"behavior": "void", "resumes_at": None},
        "items": {"data": []},
        "discounts": [],
    }
    connection = records(tmp_path, subscriptions=[subscription])
    (row,) = offered(connection, "subscriptions")
    connection.close()
    assert (row["status"], row["is_auto_renewing"]) == ("paused", True)
