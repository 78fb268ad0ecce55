"""stuck_deals: the measure, too few of it, and who is listed."""

from __future__ import annotations

from deal_stages import put_deal
from metric_warehouse import Warehouse, at, on

JUNE = on("2026-06-01")


def put_won(warehouse: Warehouse, number: int, days: int, **columns: object) -> None:
    put_deal(warehouse, f"w{number}", f"new 1, demo {1 + days}, won 30", **columns)


def stuck(warehouse: Warehouse) -> list[str]:
    warehouse.build("stuck_deals")
    return [
        row[0]
        for row in warehouse.rows("SELECT opportunity_id FROM metrics.stuck_deals ORDER BY 1")
    ]


def test_older_than_nine_of_ten_won_deals(warehouse: Warehouse) -> None:
    for number in range(20):
        put_won(warehouse, number, number + 1)  # 18 of 20 had left after 18 days.
    at_noon = at("2026-06-12 12:00")  # 18 days ago.
    put_deal(warehouse, "just in time", "new 9")
    put_deal(warehouse, "too long", "new 9", owner_id="u1", amount=70, close_on=on("2026-07-01"))
    for deal, entered in (("just in time", at_noon), ("too long", at("2026-06-12 11:59"))):
        warehouse.connection.execute(
            "UPDATE conformed.opportunity_stage_history SET entered_at = ? "
            "WHERE opportunity_id = ?",
            [entered, deal],
        )
    assert stuck(warehouse) == ["too long"]
    assert warehouse.values("stuck_deals") == {JUNE: (1, None, 1, 2)}
    assert warehouse.values("stuck_deals_value", columns="value, n") == {JUNE: (70, 1)}
    assert warehouse.values("stuck_deals_share", columns="value, is_mature") == {
        JUNE: (warehouse.value("stuck_deals_share", "2026-06-01"), False)
    }
    listed = warehouse.rows(
        "SELECT owner, stage, reference, reference_n, reference_days, amount, close_on "
        "FROM metrics.stuck_deals"
    )
    assert listed == [("u1", "new", "stage", 20, 18, 70, on("2026-07-01"))]


def test_the_segment_is_the_measure_where_it_has_enough(warehouse: Warehouse) -> None:
    warehouse.put(
        "accounts",
        {"account_id": "big", "segment": "ENT"},
        {"account_id": "small", "segment": "SMB"},
    )
    for number in range(20):
        put_won(warehouse, number, 2, account_id="small")
        put_deal(warehouse, f"e{number}", "new 1, won 2", account_id="big")
        warehouse.connection.execute(
            "UPDATE conformed.opportunity_stage_history SET entered_at = TIMESTAMP '2026-01-01' "
            f"WHERE opportunity_id = 'e{number}' AND stage = 'new'"
        )
    put_deal(warehouse, "of a big one", "new 1", account_id="big")
    put_deal(warehouse, "of a small one", "new 1", account_id="small")
    put_deal(warehouse, "of nobody", "new 1")
    assert stuck(warehouse) == ["of a small one"]
    reference = warehouse.rows("SELECT reference, reference_days FROM metrics.stuck_deals")
    assert reference == [("stage and segment", 2)]


def test_too_few_won_judge_nobody(warehouse: Warehouse) -> None:
    for number in range(9):
        put_won(warehouse, number, 1)
    put_deal(warehouse, "lost", "new 1, lost 3")
    put_deal(warehouse, "renewed", "new 1, demo 2, won 3", kind="renewal")
    put_deal(warehouse, "old", "new 1")
    assert stuck(warehouse) == []
    assert warehouse.values("stuck_deals") == {}


def test_visits_are_added_up(warehouse: Warehouse) -> None:
    for number in range(10):
        put_won(warehouse, number, 28)
    warehouse.connection.execute(
        "UPDATE conformed.opportunity_stage_history SET entered_at = TIMESTAMP '2026-04-27' "
        "WHERE stage = 'new'"
    )  # 32 days.
    put_deal(warehouse, "again", "new 1, demo 3, new 30")  # 2 and 31.5 days.
    put_deal(warehouse, "once", "new 30")
    assert stuck(warehouse) == ["again"]


def test_left_out(warehouse: Warehouse) -> None:
    for number in range(20):
        put_won(warehouse, number, 1)
    put_deal(warehouse, "stuck", "new 1", amount=None)
    put_deal(warehouse, "renewal", "new 1", kind="renewal")
    put_deal(warehouse, "gone", "new 1", _deleted_at=at("2026-06-01 00:00"))
    put_deal(warehouse, "nothing", "new 1", amount=0)
    put_deal(warehouse, "elsewhere", "other/offer 1")
    warehouse.put("opportunities", {"opportunity_id": "bare", "created_at": at("2026-01-01 00:00")})
    assert stuck(warehouse) == ["stuck"]
    excluded = warehouse.values("stuck_deals", columns="value, excluded")
    reasons = '"deleted":1,"no_history":1,"renewal":1,"too_few_won":1,"zero_amount":1'
    assert excluded == {JUNE: (1, f"{{{reasons}}}")}
    assert warehouse.values("stuck_deals_value") == {}
