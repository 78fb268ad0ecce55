"""What simple-salesforce found of deals and rates is what the simulation meant to happen."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from salesforce_caller import Caller, Drain, moment, second

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.world.deal_paths import PIPELINES
from revops_pipelines.sandbox.world.fx import LEVELS

LABELS = {stage.id: stage.label for pipeline in PIPELINES for stage in pipeline.stages}


def test_deals_stand_as_they_should(drain: Drain, truth: Any) -> None:
    deals = drain.by_id("Opportunity")
    assert set(deals) == {ids.opportunity_id(true["deal_id"]) for true in truth["deals"]}
    kinds = {"new": "New Business", "expansion": "Expansion", "renewal": "Renewal"}
    for true in truth["deals"]:
        deal = deals[ids.opportunity_id(true["deal_id"])]
        assert deal["StageName"] == LABELS[true["stage"]]
        assert deal["RecordTypeId"] == ids.record_type_id(true["pipeline"])
        assert (deal["IsWon"], deal["IsClosed"]) == (true["is_won"], true["is_closed"])
        amount = deal["Amount"]
        assert (None if amount is None else Decimal(str(amount))) == true["amount"]
        assert deal["CurrencyIsoCode"] == true["currency"]
        assert moment(deal["CreatedDate"]) == second(true["created_at"])
        assert deal["CloseDate"] == true["close_on"].isoformat()
        assert deal["Type"] == kinds[true["kind"]]
        assert deal["OwnerId"] == ids.user_id(true["owner_hubspot_id"])
        assert deal["AccountId"] in (None, ids.account_id(true["account_hubspot_id"]))
        assert deal["IsDeleted"] == (true["deleted_at"] is not None)
        if true["is_closed"]:
            assert moment(deal["LastStageChangeDate"]) == second(true["closed_at"])


def test_every_stay_in_every_stage(drain: Drain, truth: Any) -> None:
    told: dict[str, list[tuple[Any, ...]]] = {}
    for row in drain("OpportunityHistory"):
        told.setdefault(row["OpportunityId"], []).append(
            (moment(row["CreatedDate"]), row["StageName"], row["Amount"])
        )
    stays = {
        (deal, *entry)
        for deal, entries in told.items()
        for before, entry in zip([None, *entries], entries, strict=False)
        if before is None or before[1] != entry[1]
    }
    assert stays == {
        (
            ids.opportunity_id(true["deal_id"]),
            second(true["entered_at"]),
            LABELS[true["stage"]],
            None if true["amount"] is None else float(true["amount"]),
        )
        for true in truth["deal_stages"]
    }


def test_record_types_moved_as_the_history_tells(drain: Drain, truth: Any) -> None:
    lines: dict[str, list[str]] = {}
    for true in truth["deal_stages"]:
        told = lines.setdefault(true["deal_id"], [])
        if not told or told[-1] != true["pipeline"]:
            told.append(true["pipeline"])
    moved = {deal: told for deal, told in lines.items() if len(told) > 1}
    assert moved
    seen: dict[str, list[str]] = {}
    for row in drain("OpportunityFieldHistory"):
        if row["Field"] == "RecordType" and row["DataType"] == "EntityId":
            seen.setdefault(row["OpportunityId"], [row["OldValue"]]).append(row["NewValue"])
    assert seen == {
        ids.opportunity_id(deal): [ids.record_type_id(each) for each in told]
        for deal, told in moved.items()
    }


def test_people_of_deals(drain: Drain, truth: Any) -> None:
    seen = {(row["OpportunityId"], row["ContactId"]) for row in drain("OpportunityContactRole")}
    assert seen == {
        (ids.opportunity_id(true["deal_id"]), ids.contact_id(true["person_index"]))
        for true in truth["deal_contacts"]
    }


def test_line_items_and_splits_are_worth_their_deals(drain: Drain) -> None:
    deals = drain.by_id("Opportunity")
    for row in drain("OpportunityLineItem"):
        assert row["TotalPrice"] == deals[row["OpportunityId"]]["Amount"]
        assert row["CurrencyIsoCode"] == deals[row["OpportunityId"]]["CurrencyIsoCode"]
    for row in drain("OpportunitySplit"):
        deal = deals[row["OpportunityId"]]
        assert (row["SplitAmount"], row["SplitOwnerId"]) == (deal["Amount"], deal["OwnerId"])


def test_rates_give_back_the_published_ones(drain: Drain, keeping: Caller) -> None:
    rates = [row for row in drain("DatedConversionRate") if row["IsoCode"] != "USD"]
    assert {row["IsoCode"] for row in rates} == set(LEVELS)
    for row in rates:
        day = datetime.fromisoformat(row["StartDate"]).date()
        rate = keeping.world.fx.monthly_rate(row["IsoCode"], day)
        back = 1 / Decimal(str(row["ConversionRate"]))
        assert Decimal(f"{back:.5e}") == rate
