"""What changes as the clock moves on: deletions, the recycle bin, conversions, archives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from salesforce_caller import Caller, Opener

from revops_pipelines.sandbox.salesforce import ids

DAY = timedelta(days=1)


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def ids_of(caller: Caller, name: str, path: str = "/query") -> set[str]:
    return {row["Id"] for row in caller.query(f"SELECT Id FROM {name}", path)}


def on(caller: Caller, days: float = 1) -> None:
    """Move on, and sign in anew: sessions end."""
    caller.clock.advance(days * DAY)
    caller.sign_in()


def test_a_deleted_record_is_told_until_its_bin_is_emptied(open_salesforce: Opener) -> None:
    with open_salesforce() as served:
        at = next(
            each.deleted_at
            for each in served.world.activities
            if each.deleted_at is not None
            and each.kind != "meeting"
            and each.deleted_at > served.clock.now()
        )
        (id_,) = [
            ids.record_id("Task", position + 1)
            for position, each in enumerate(served.world.activities)
            if each.deleted_at == at
        ]
        served.clock.advance(at - served.clock.now() - timedelta(seconds=1))
        served.sign_in()
        # It may not have been recorded yet; deleted it is not.
        assert id_ not in told(served)
        served.clock.advance(timedelta(seconds=1))
        assert told(served)[id_] == at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        (row,) = served.query(
            f"SELECT IsDeleted, SystemModstamp FROM Task WHERE Id = '{id_}'", "/queryAll"
        )
        assert row["IsDeleted"]
        assert row["SystemModstamp"] == told(served)[id_]
        assert id_ not in ids_of(served, "Task")
        on(served, 14.9)
        assert id_ in told(served)
        on(served, 0.2)
        assert id_ not in told(served)
        assert id_ not in ids_of(served, "Task", "/queryAll")


def told(caller: Caller) -> dict[str, Any]:
    """What getDeleted says of the last 29 days."""
    now = caller.clock.now()
    answer = caller.get("/sobjects/Task/deleted/", start=text(now - 29 * DAY), end=text(now + DAY))
    assert answer["latestDateCovered"] == now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    earliest = (now - 15 * DAY).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    assert answer["earliestDateAvailable"] == earliest
    return {each["id"]: each["deletedDate"] for each in answer["deletedRecords"]}


def test_spans_that_replication_refuses(salesforce: Caller) -> None:
    now = salesforce.clock.now()
    for start, end in ((now - 31 * DAY, now), (now, now), (now, now - DAY)):
        for what in ("deleted", "updated"):
            refused = salesforce.refused(
                f"/sobjects/Lead/{what}/", start=text(start), end=text(end)
            )
            assert refused == (400, "INVALID_REPLICATION_DATE")
    refused = salesforce.refused(
        "/sobjects/OpportunityFieldHistory/deleted/", start=text(now - DAY), end=text(now)
    )
    assert refused == (400, "INVALID_TYPE_FOR_OPERATION")


def test_windows_of_change_meet_every_change(open_salesforce: Opener) -> None:
    """Ten nights of half-open windows, upserted by id, give what a full drain gives."""
    query = "SELECT Id, SystemModstamp, IsDeleted, StageName, Amount FROM Opportunity"
    with open_salesforce() as served:
        held = {row["Id"]: row for row in served.query(query, "/queryAll")}
        before = dict(held)
        since = served.clock.now()
        for _ in range(10):
            on(served)
            until = served.clock.now()
            window = f"SystemModstamp >= {text(since)} AND SystemModstamp < {text(until)}"
            found = served.query(f"{query} WHERE {window}", "/queryAll")
            updated = served.get(
                "/sobjects/Opportunity/updated/", start=text(since), end=text(until)
            )
            assert set(updated["ids"]) == {row["Id"] for row in found if not row["IsDeleted"]}
            held.update({row["Id"]: row for row in found})
            since = until
        last = served.query(f"{query} WHERE SystemModstamp >= {text(since)}", "/queryAll")
        held.update({row["Id"]: row for row in last})
        assert held != before
        for row in served.query(query, "/queryAll"):
            assert held[row["Id"]] == row


def test_a_conversion_carries_the_person_over(open_salesforce: Opener) -> None:
    query = (
        "SELECT Id, ConvertedContactId, ConvertedOpportunityId, ConvertedDate, Email, "
        "First_Inquiry_At__c, SystemModstamp FROM Lead WHERE IsConverted = true"
    )
    with open_salesforce() as served:
        before = {row["Id"] for row in served.query(query)}
        tasks = {row["Id"]: row["WhoId"] for row in served.query("SELECT Id, WhoId FROM Task")}
        stamp = "SELECT Id, SystemModstamp FROM Task"
        stamps = {row["Id"]: row["SystemModstamp"] for row in served.query(stamp)}
        on(served, 20)
        converted = [row for row in served.query(query) if row["Id"] not in before]
        assert converted
        contacts = {
            row["Id"]: row
            for row in served.query(
                "SELECT Id, Email, First_Inquiry_At__c, CreatedDate FROM Contact"
            )
        }
        opened = ids_of(served, "Opportunity", "/queryAll")
        for lead in converted:
            contact = contacts[lead["ConvertedContactId"]]
            assert contact["Email"].lower() == lead["Email"].replace("+crm", "").lower()
            assert contact["CreatedDate"][:10] <= lead["ConvertedDate"]
            assert lead["ConvertedOpportunityId"] in opened | {None}
        moved = {lead["Id"]: lead["ConvertedContactId"] for lead in converted}
        followed = 0
        for row in served.query("SELECT Id, WhoId, SystemModstamp, IsClosed FROM Task"):
            if tasks.get(row["Id"]) in moved:
                assert row["WhoId"] == moved[tasks[row["Id"]]]
                # Nothing says that it moved.
                followed += row["SystemModstamp"] == stamps[row["Id"]]
        assert followed


def test_merged_records_name_their_survivor(keeping: Caller) -> None:
    merged = 0
    for name in ("Lead", "Contact"):
        query = f"SELECT Id, Email, IsDeleted, MasterRecordId FROM {name}"
        rows = {row["Id"]: row for row in keeping.query(query, "/queryAll")}
        for row in rows.values():
            if row["MasterRecordId"]:
                master = rows[row["MasterRecordId"]]
                assert row["IsDeleted"]
                assert master["Email"].lower() == row["Email"].lower().replace("+crm", "")
                merged += 1
    assert merged >= 5


def test_old_activities_are_seen_by_query_all_only(salesforce: Caller) -> None:
    a_year_ago = (salesforce.clock.now() - 365 * DAY).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    for name, when in (("Task", "CompletedDateTime"), ("Event", "StartDateTime")):
        query = f"SELECT Id, {when}, IsArchived, IsDeleted FROM {name}"
        every = salesforce.query(query, "/queryAll")
        for row in every:
            assert row["IsArchived"] == bool(row[when] and row[when] <= a_year_ago)
        seen = {row["Id"] for row in every if not row["IsArchived"] and not row["IsDeleted"]}
        assert ids_of(salesforce, name) == seen
        assert len(seen) < len(every)


def test_currencies_follow_their_month(open_salesforce: Opener) -> None:
    query = "SELECT IsoCode, ConversionRate FROM CurrencyType WHERE IsCorporate = false"
    dated = "SELECT IsoCode, StartDate, NextStartDate, ConversionRate FROM DatedConversionRate"
    with open_salesforce() as served:
        before = {row["IsoCode"]: row["ConversionRate"] for row in served.query(query)}
        on(served, 1)
        after = {row["IsoCode"]: row["ConversionRate"] for row in served.query(query)}
        assert all(before[code] != after[code] for code in before)
        open_ended = [
            row
            for row in served.query(f"{dated} WHERE NextStartDate = 9999-12-31")
            if row["IsoCode"] != "USD"
        ]
        assert {row["StartDate"] for row in open_ended} == {"2026-07-01"}
        assert {row["IsoCode"]: row["ConversionRate"] for row in open_ended} == after
