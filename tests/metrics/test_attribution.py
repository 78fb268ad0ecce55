"""attribution: every model by hand, the traps of the catalogue, and money kept to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on, plain

WON_AT = at("2026-05-20 09:00")
MODELS = ("first", "last", "linear", "u_shaped", "w_shaped", "full_path", "time_decay")


def put(warehouse: Warehouse, amount: Any, *touches: str, **columns: Any) -> None:
    """Ada's deal, created on 25 April and won on 20 May, and her touches: `day hour` of 2026."""
    if not warehouse.rows("SELECT 1 FROM conformed.leads WHERE lead_id = 'ada'"):
        warehouse.put("leads", {"lead_id": "ada", "raised_at": at("2026-04-20 10:00")})
    deal = {
        "opportunity_id": "d",
        "lead_id": "ada",
        "amount": amount,
        "created_at": at("2026-04-25 09:00"),
        "is_closed": True,
        "is_won": True,
        "closed_at": WON_AT,
    }
    warehouse.put("opportunities", deal | columns)
    for number, when in enumerate(touches):
        put_touch(warehouse, f"t{number}", when)


def put_touch(warehouse: Warehouse, name: str, when: str, **columns: Any) -> None:
    """A touch of Ada, with a campaign of its own unless told otherwise."""
    touch = {
        "touchpoint_id": name,
        "lead_id": "ada",
        "campaign_id": f"k{name}",
        "channel": "web",
        "kind": "form_fill",
        "occurred_at": at(f"2026-{when}"),
    }
    warehouse.put("touchpoints", touch | columns)


def credits(warehouse: Warehouse, model: str, basis: str = "won") -> dict[str, Any]:
    """Touch -> credit under a model."""
    rows = warehouse.rows(
        "SELECT touchpoint_id, credit FROM metrics.attribution "
        f"WHERE model = '{model}' AND basis = '{basis}' ORDER BY 1"
    )
    return {touch: plain(credit) for touch, credit in rows}


# First touch, one between, the form that made the lead, the one before the deal, two after it.
LONG = ("04-01 10:00", "04-10 10:00", "04-20 10:00", "04-24 10:00", "05-01 10:00", "05-19 10:00")


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("first", (1000, 0, 0, 0, 0, 0)),
        ("last", (0, 0, 0, 0, 0, 1000)),
        ("linear", ("166.66", "166.66", "166.66", "166.66", "166.66", "166.70")),
        ("u_shaped", (400, 50, 400, 50, 50, 50)),
        ("w_shaped", (300, "33.33", 300, 300, "33.33", "33.34")),
        ("full_path", (225, 50, 225, 225, 50, 225)),
    ],
)
def test_models_by_hand(warehouse: Warehouse, model: str, wanted: tuple[Any, ...]) -> None:
    put(warehouse, 1000, *LONG)
    warehouse.build("attribution")
    shown = {f"t{n}": plain(Decimal(credit)) for n, credit in enumerate(wanted) if credit}
    assert credits(warehouse, model) == shown


def test_time_decay_halves_in_a_week(warehouse: Warehouse) -> None:
    put(warehouse, 700, "04-29 09:00", "05-06 09:00", "05-13 09:00")
    warehouse.build("attribution")
    assert credits(warehouse, "time_decay") == {"t0": 100, "t1": 200, "t2": 400}


@pytest.mark.parametrize("model", MODELS)
def test_one_touch_has_everything(warehouse: Warehouse, model: str) -> None:
    put(warehouse, "99.99", "04-01 10:00")
    warehouse.build("attribution")
    assert credits(warehouse, model) == {"t0": Decimal("99.99")}


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("linear", (500, 500)),
        ("u_shaped", (500, 500)),
        ("w_shaped", ("333.33", "666.67")),
        ("full_path", (250, 750)),
    ],
)
def test_two_touches(warehouse: Warehouse, model: str, wanted: tuple[Any, ...]) -> None:
    """The second made the lead and was the last before the deal, so it has both parts."""
    put(warehouse, 1000, "04-01 10:00", "04-20 10:00")
    warehouse.build("attribution")
    shown = [plain(Decimal(each)) for each in wanted]
    assert list(credits(warehouse, model).values()) == shown


def test_the_form_that_made_the_lead_may_be_recorded_later(warehouse: Warehouse) -> None:
    put(warehouse, 1000, "04-01 10:00", "04-20 10:05", "04-20 11:01")
    warehouse.build("attribution")
    assert credits(warehouse, "u_shaped") == {"t0": 400, "t1": 400, "t2": 200}


def test_touches_after_the_milestone_and_long_before_have_nothing(warehouse: Warehouse) -> None:
    put(warehouse, 100, "05-20 09:00", "05-20 09:01", "04-30 10:00")
    put_touch(warehouse, "old", "01-01 10:00", occurred_at=at("2025-05-20 08:59"))
    warehouse.build("attribution")
    assert credits(warehouse, "linear") == {"t0": 50, "t2": 50}
    assert credits(warehouse, "linear", "pipeline") == {"old": 100}


def test_touches_of_one_instant_have_an_order(warehouse: Warehouse) -> None:
    put(warehouse, 100)
    for name in ("b", "c", "a"):
        put_touch(warehouse, name, "04-01 10:00")
    warehouse.build("attribution")
    assert credits(warehouse, "first") == {"a": 100}
    assert credits(warehouse, "last") == {"c": 100}
    assert credits(warehouse, "linear") == {
        "a": Decimal("33.33"),
        "b": Decimal("33.33"),
        "c": Decimal("33.34"),
    }


def test_one_campaign_on_one_day_is_one_touch(warehouse: Warehouse) -> None:
    put(warehouse, 100)
    put_touch(warehouse, "form", "04-01 10:00", campaign_id="k")
    put_touch(warehouse, "status", "04-01 10:00:01", campaign_id="k")
    put_touch(warehouse, "again", "04-02 10:00", campaign_id="k")
    warehouse.build("attribution")
    assert credits(warehouse, "linear") == {"form": 50, "again": 50}


def test_deals_without_touches_keep_the_sums(warehouse: Warehouse) -> None:
    put(warehouse, 100)
    warehouse.put("leads", {"lead_id": "bob", "raised_at": at("2026-04-20 10:00")})
    put_touch(warehouse, "other", "04-01 10:00", lead_id="bob")
    put_touch(warehouse, "deleted", "04-01 10:00", _deleted_at=at("2026-06-01 00:00"))
    warehouse.build("attribution")
    for model in MODELS:
        assert credits(warehouse, model) == {"no_touch": 100}
    assert warehouse.value("attribution_touched", "2026-05-01") == 0


def test_everybody_on_the_deal_counts(warehouse: Warehouse) -> None:
    put(warehouse, 100, "04-01 10:00")
    warehouse.put("leads", {"lead_id": "bob", "raised_at": at("2026-05-02 10:00")})
    warehouse.put("opportunity_contacts", {"opportunity_id": "d", "lead_id": "bob"})
    put_touch(warehouse, "his", "05-01 10:00", lead_id="bob")
    warehouse.build("attribution")
    assert credits(warehouse, "linear") == {"t0": 50, "his": 50}


def test_pipeline_ends_with_the_creation(warehouse: Warehouse) -> None:
    """Full path has no closing then: its part goes to the others by their size."""
    put(warehouse, 775, *LONG, is_closed=False, is_won=False, closed_at=None)
    warehouse.build("attribution")
    assert credits(warehouse, "full_path") == {}
    assert credits(warehouse, "full_path", "pipeline") == {
        "t0": 225,
        "t1": 100,
        "t2": 225,
        "t3": 225,
    }
    shown = warehouse.values("attribution_pipeline", columns="value, n")
    assert shown == {on("2026-04-01"): (775, 1)}


def test_series_by_channel_and_campaign(warehouse: Warehouse) -> None:
    put(warehouse, 100, "04-01 10:00")
    put_touch(warehouse, "mail", "05-02 10:00", channel=None, campaign_id="c")
    warehouse.put("campaigns", {"campaign_id": "c", "name": "C", "channel": "email"})
    warehouse.build("attribution")
    may, spring = on("2026-05-01"), on("2026-04-01")
    for channel, model, credit in (("web", "linear", 50), ("email", "last", 100)):
        dimensions = f'{{"channel":"{channel}","model":"{model}"}}'
        shown = warehouse.values("attribution", dimensions=dimensions, columns="value, n")
        assert shown == {may: (credit, 1)}
    shown = warehouse.values(
        "attribution", "quarter", '{"campaign":"c","model":"last"}', columns="value"
    )
    assert shown == {spring: (100,)}
    assert warehouse.values("attribution", columns="value, n") == {may: (100, 1)}
    for model in MODELS:
        shown = warehouse.values(
            "attribution", dimensions=f'{{"model":"{model}"}}', columns="value"
        )
        assert shown == {may: (100,)}


def put_bill(warehouse: Warehouse, name: str, when: str, total: Any, **columns: Any) -> None:
    bill = {
        "invoice_id": name,
        "customer_id": "c",
        "status": "paid",
        "currency": "USD",
        "total": total,
        "tax": 0,
        "issued_at": at(when),
    }
    warehouse.put("invoices", bill | columns)


LATER = {"uncollectible_at": at("2026-07-20 00:00")}


def test_what_was_billed(warehouse: Warehouse) -> None:
    put(warehouse, 1000, "04-01 10:00", account_id="a")
    put(warehouse, 0, opportunity_id="nothing", account_id="z", lead_id=None)
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    put_bill(warehouse, "before", "2026-05-19 10:00", 100)
    put_bill(warehouse, "after", "2026-06-19 10:00", 120, tax=20)
    put_bill(warehouse, "draft", "2026-06-19 10:00", 1, status="draft")
    put_bill(
        warehouse, "void", "2026-06-19 10:00", 1, status="void", voided_at=at("2026-06-20 00:00")
    )
    lost = {"status": "uncollectible", "uncollectible_at": at("2026-06-20 00:00")}
    put_bill(warehouse, "written off", "2026-06-10 10:00", 7, **lost)
    put_bill(warehouse, "written off later", "2026-06-10 10:00", 5, **lost | LATER)
    put_bill(warehouse, "to come", "2026-07-19 10:00", 1)
    note = {"credit_note_id": "n", "customer_id": "c", "invoice_id": "after", "currency": "USD"}
    warehouse.put("credit_notes", note | {"amount": 60, "issued_at": at("2026-06-25 10:00")})
    warehouse.build("attribution")
    assert credits(warehouse, "last", "billed") == {"t0": 155}
    shown = warehouse.values("attribution_billed", columns="value, n, is_mature")
    assert shown == {on("2026-05-01"): (155, 1, False)}


def test_a_bill_of_the_day_of_winning_belongs_to_that_deal(warehouse: Warehouse) -> None:
    """Clocks of two systems differ; a note counts on its own day; a bill of nothing is none."""
    put(warehouse, 1000, account_id="a")
    more = {"account_id": "a", "lead_id": None, "kind": "expansion"}
    put(warehouse, 5, opportunity_id="more", closed_at=at("2026-06-01 15:00"), **more)
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    put_bill(warehouse, "b", "2026-06-01 14:59", 10)
    put_bill(warehouse, "trial", "2026-05-25 10:00", 0)
    put_bill(warehouse, "first", "2026-05-25 10:00", 50)
    note = {"credit_note_id": "n", "customer_id": "c", "invoice_id": "first", "currency": "USD"}
    warehouse.put("credit_notes", note | {"amount": 3, "issued_at": at("2026-06-02 10:00")})
    warehouse.build("attribution")
    rows = warehouse.rows(
        "SELECT DISTINCT opportunity_id, amount FROM metrics.attribution WHERE basis = 'billed'"
    )
    assert {deal: plain(amount) for deal, amount in rows} == {"d": 50, "more": 7}


def test_a_bill_belongs_to_the_deal_won_last_before_it(warehouse: Warehouse) -> None:
    put(warehouse, 1000, account_id="a")
    more = {"account_id": "a", "lead_id": None}
    put(
        warehouse,
        500,
        opportunity_id="more",
        kind="expansion",
        closed_at=at("2026-06-01 00:00"),
        **more,
    )
    put(
        warehouse,
        500,
        opportunity_id="same",
        kind="renewal",
        closed_at=at("2026-06-10 00:00"),
        **more,
    )
    put(warehouse, 500, opportunity_id="unbilled", account_id="b", lead_id=None)
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    for number, when in enumerate(("05-31 10:00", "06-05 10:00", "06-15 10:00")):
        put_bill(warehouse, f"b{number}", f"2026-{when}", 10**number)
    put_bill(warehouse, "unknown currency", "2026-06-15 10:00", 7, currency="CHF", customer_id="x")
    warehouse.build("attribution")
    rows = warehouse.rows(
        "SELECT DISTINCT opportunity_id, amount FROM metrics.attribution WHERE basis = 'billed'"
    )
    assert {deal: plain(amount) for deal, amount in rows} == {"d": 1, "more": 110}
    shown = warehouse.values("attribution_billed", columns="value, excluded")
    assert shown[on("2026-05-01")] == (1, '{"not_billed":1}')


def test_a_bill_without_a_rate_leaves_its_deal_out(warehouse: Warehouse) -> None:
    put(warehouse, 1000, account_id="a")
    put(warehouse, 1, opportunity_id="e", account_id="b", lead_id=None)
    for customer, company in (("c", "a"), ("e", "b")):
        warehouse.put("customers", {"customer_id": customer, "account_id": company})
        put_bill(warehouse, customer, "2026-06-05 10:00", 10, customer_id=customer)
    put_bill(warehouse, "francs", "2026-06-05 10:00", 10, currency="CHF")
    warehouse.build("attribution")
    shown = warehouse.values("attribution_billed", columns="value, excluded")
    assert shown == {on("2026-05-01"): (10, '{"missing_rate":1}')}


def test_what_is_left_out(warehouse: Warehouse) -> None:
    put(warehouse, 100)
    for name, columns in {
        "renewal": {"kind": "renewal"},
        "zero": {"amount": 0},
        "deleted": {"_deleted_at": at("2026-06-01 00:00")},
        "no amount": {"amount": None},
        "francs": {"currency": "CHF"},
        "tomorrow": {"closed_at": at("2026-07-01 00:00")},
    }.items():
        columns = {"amount": 5} | columns
        put(warehouse, columns.pop("amount"), opportunity_id=name, **columns)
    warehouse.build("attribution")
    shown = warehouse.values("attribution", columns="value, excluded")
    reasons = '{"deleted":1,"missing_rate":1,"no_amount":1,"renewal":1,"zero_amount":1}'
    assert shown == {on("2026-05-01"): (100, reasons)}
