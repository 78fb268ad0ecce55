"""lead_score: points that can be checked by hand, and nothing from the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on
from random_company import company_of, settings_of

MAY = on("2026-05-01")


def learn(warehouse: Warehouse, level: str, leads: int, good: int, **columns: Any) -> None:
    """Leads of January, of which some became an opportunity in February."""
    for number in range(leads):
        name = f"{level}{number}"
        row = {"lead_id": name, "raised_at": at("2026-01-05 10:00"), "segment": level}
        warehouse.put("leads", row | columns)
        if number < good:
            deal = {"opportunity_id": name, "lead_id": name}
            warehouse.put("opportunities", deal | {"created_at": at("2026-02-05 10:00")})


def ask(warehouse: Warehouse, name: str, **columns: Any) -> dict[str, Any]:
    """The score of a lead raised on 5 May."""
    row = {"lead_id": name, "raised_at": at("2026-05-05 10:00"), "segment": "SMB"}
    warehouse.put("leads", row | columns)
    warehouse.build("lead_score")
    cursor = warehouse.connection.execute(
        "SELECT * FROM metrics.lead_score WHERE lead_id = ?", [name]
    )
    names = [column[0] for column in cursor.description]
    [found] = cursor.fetchall()
    return dict(zip(names, found, strict=True))


def test_points_by_hand(warehouse: Warehouse) -> None:
    """25 % and 35 % against 30 %: log2 of the odds' ratio is -0.36 and 0.33."""
    learn(warehouse, "SMB", 20, 4)
    learn(warehouse, "MID", 20, 8)
    small, middle = ask(warehouse, "ada"), ask(warehouse, "bob", segment="MID")
    assert (small["segment_points"], small["score"], small["lead_segment"]) == (-4, 46, "C")
    assert (middle["segment_points"], middle["score"], middle["lead_segment"]) == (3, 53, "B")
    # Of the leads that the model learnt from, C are the small and B the middle ones.
    assert (float(small["probability"]), float(middle["probability"])) == (0.25, 0.35)
    assert float(small["base_probability"]) == 0.3
    assert small["fit_points"] == -4
    assert small["engagement_points"] == 0


def test_earlier_engagement_counts_and_later_does_not(warehouse: Warehouse) -> None:
    learn(warehouse, "SMB", 40, 12)
    raised = at("2026-05-05 10:00")
    for place, when in enumerate((raised - timedelta(days=2), raised - timedelta(days=1), raised)):
        touch = {"touchpoint_id": f"t{place}", "lead_id": "ada", "kind": "email_click"}
        warehouse.put("touchpoints", touch | {"occurred_at": when})
        act = {"activity_id": f"a{place}", "lead_id": "bob", "kind": "web"}
        if place:
            act |= {"direction": "inbound", "is_human": False}
            warehouse.put("activities", act | {"occurred_at": when})
    assert ask(warehouse, "ada")["earlier_touches"] == "2 and more"
    assert ask(warehouse, "bob")["earlier_days"] == "1"
    assert ask(warehouse, "cyd")["earlier_days"] == "0"


def test_what_is_not_known_gives_no_points(warehouse: Warehouse) -> None:
    """Records of those who convert are filled in later: a gap would tell the future."""
    learn(warehouse, "SMB", 40, 20)
    for number in range(40):
        lead = {"lead_id": f"x{number}", "raised_at": at("2026-01-05 10:00")}
        warehouse.put("leads", lead)
    assert ask(warehouse, "ada")["segment_points"] == 0
    assert ask(warehouse, "bob", segment=None)["score"] == 50


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": at("2026-04-06 10:00")},
        {"kind": "renewal"},
        {"_deleted_at": at("2026-04-20 10:00")},
        {"created_at": at("2026-01-05 09:59")},
    ],
    ids=["too late", "a renewal", "deleted before the model", "older than the lead"],
)
def test_what_is_no_conversion(warehouse: Warehouse, change: dict[str, Any]) -> None:
    learn(warehouse, "SMB", 39, 10)
    deal = {"opportunity_id": "d", "lead_id": "z", "created_at": at("2026-02-05 10:00")}
    warehouse.put("leads", {"lead_id": "z", "raised_at": at("2026-01-05 10:00"), "segment": "SMB"})
    warehouse.put("opportunities", deal | change)
    assert float(ask(warehouse, "ada")["base_probability"]) == 0.25


def test_what_was_deleted_after_the_model_was_known_to_it(warehouse: Warehouse) -> None:
    learn(warehouse, "SMB", 39, 10, _deleted_at=at("2026-05-02 10:00"))
    deal = {"opportunity_id": "d", "lead_id": "z", "created_at": at("2026-02-05 10:00")}
    warehouse.put("leads", {"lead_id": "z", "raised_at": at("2026-01-05 10:00"), "segment": "SMB"})
    warehouse.put("opportunities", deal | {"_deleted_at": at("2026-05-02 10:00")})
    assert float(ask(warehouse, "ada")["base_probability"]) == 0.275


def test_leads_whose_time_has_not_run_out_teach_nothing(warehouse: Warehouse) -> None:
    learn(warehouse, "SMB", 40, 10)
    for number in range(30):
        lead = {"lead_id": f"y{number}", "raised_at": at("2026-02-01 10:00")}
        warehouse.put("leads", lead)
    assert float(ask(warehouse, "ada")["base_probability"]) == 0.25


def test_too_little_history(warehouse: Warehouse) -> None:
    learn(warehouse, "SMB", 19, 9)
    row = ask(warehouse, "ada")
    assert (row["score"], row["excluded"]) == (None, "too_little_history")
    shown = warehouse.values("lead_score", columns="value, excluded")
    assert shown == {}


def test_how_good_the_chances_were(warehouse: Warehouse) -> None:
    learn(warehouse, "SMB", 40, 10, raised_at=at("2025-11-05 10:00"))
    warehouse.connection.execute("UPDATE conformed.opportunities SET created_at = '2025-12-01'")
    for name in "abcd":
        row = {"lead_id": name, "raised_at": at("2026-03-05 10:00"), "segment": "SMB"}
        warehouse.put("leads", row)
    deal = {"opportunity_id": "d", "lead_id": "a", "created_at": at("2026-03-09 10:00")}
    warehouse.put("opportunities", deal)
    warehouse.build("lead_score", "lead_segment")
    march = "2026-03-01"
    assert float(warehouse.value("lead_score_brier", march)) == 0.1875
    assert warehouse.value("lead_score_calibration", march) == 0
    assert warehouse.value("lead_score_skill", march) == 0
    assert float(warehouse.value("lead_segment", march)) == 0.25
    shown = warehouse.values("lead_segment", columns="is_mature, n")
    assert shown[on(march)] == (True, 4)


def test_a_score_never_changes() -> None:
    """What was known in January gives the scores of those days; half a year adds leads, no more."""
    rows = company_of(4)
    told = []
    for as_of in (datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 6, 30, 12, tzinfo=UTC)):
        warehouse = Warehouse(settings_of(4), as_of=as_of)
        for entity in ("users", "accounts", "leads", "activities", "touchpoints"):
            warehouse.put(entity, *rows[entity])
        warehouse.put("opportunities", *rows["opportunities"])
        warehouse.put("opportunity_contacts", *rows["opportunity_contacts"])
        warehouse.build("lead_score")
        told.append(
            warehouse.rows(
                "SELECT lead_id, score, lead_segment, probability FROM metrics.lead_score "
                "WHERE raised_at <= '2026-01-10 12:00:00' ORDER BY 1"
            )
        )
    assert told[0] == told[1]
    assert sum(1 for row in told[0] if row[1] not in (None, 50)) > 20
