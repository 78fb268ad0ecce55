"""Microsoft's own client drains the sandbox completely, and what it found is the truth.

First touches and stays in stages are worked out here once more from what the client saw, with
nothing shared with the simulation or our connector but the identifiers.

The client insists on https, where the sandbox is plain http on the loopback. Its own session gets a
transport for `https://` that speaks http to the served port: every request is the client's, its
scheme apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from dynamics_caller import Caller
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col
from requests.adapters import HTTPAdapter

from revops_pipelines.sandbox.dynamics import ids
from revops_pipelines.sandbox.dynamics.tables import TABLES
from revops_pipelines.sandbox.truth import true_tables

FORMATTED = "OData.Community.Display.V1.FormattedValue"
Rows = dict[str, list[dict[str, Any]]]


class Credential:
    """A credential as azure-identity's: it asks Entra's token endpoint, here the sandbox's."""

    def __init__(self, dynamics: Caller) -> None:
        self._dynamics = dynamics
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for the scopes; the client asks before each request."""
        self.scopes += scopes
        if not self._dynamics.token:
            self._dynamics.token = self._dynamics.login().json()["access_token"]
        return AccessToken(self._dynamics.token, int(time.time()) + 3_600)


class Plain(HTTPAdapter):
    """Sends what is addressed to https over http, to the same host and port."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Send it; links in the answer are made https again, as the vendor's are."""
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        answer = super().send(request, *args, **kwargs)
        answer._content = answer.content.replace(b"http://127.0.0.1", b"https://127.0.0.1")
        return answer


@pytest.fixture(scope="module")
def client(dynamics: Caller) -> Iterator[DataverseClient]:
    secure = dynamics.url.replace("http://", "https://")
    with DataverseClient(secure, Credential(dynamics)) as opened:
        assert opened._session is not None
        opened._session.mount("https://", Plain())
        yield opened


@pytest.fixture(scope="module")
def truth(dynamics: Caller) -> dict[str, list[Any]]:
    return dict(true_tables(dynamics.world, dynamics.clock.now()))


@pytest.fixture(scope="module")
def drained(client: DataverseClient) -> Rows:
    """Every row of every table, by the client's own paging."""
    return {
        name: [
            dict(record.data)
            for record in client.records.list(name, page_size=100, include_annotations="*")
        ]
        for name in TABLES
    }


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def second(at: datetime | None) -> datetime | None:
    return at.replace(microsecond=0) if at else None


def test_the_client_asks_for_the_environments_scope(
    client: DataverseClient, dynamics: Caller
) -> None:
    credential = client.auth.credential
    assert isinstance(credential, Credential)
    client.records.list("team", top=1)
    assert set(credential.scopes) == {f"{client._base_url}/.default"}


def test_every_table_is_drained(drained: Rows, dynamics: Caller) -> None:
    for name, table in TABLES.items():
        found = [row[table.id_column] for row in drained[name]]
        assert len(found) == len(set(found)) > 0, name
        assert len(found) == len(dynamics.every(table.entity_set)), name


def test_what_the_client_says_of_tables(client: DataverseClient) -> None:
    for name in ("lead", "opportunity", "email"):
        info = client.tables.get(name)
        assert info is not None
        assert info.entity_set_name == TABLES[name].entity_set
    columns = {each["LogicalName"] for each in client.tables.list_columns("opportunity")}
    assert columns == set(TABLES["opportunity"].columns)


def test_single_records_filters_and_refusals(client: DataverseClient, drained: Rows) -> None:
    lead = drained["lead"][0]
    one = client.records.retrieve("lead", lead["leadid"], select=["fullname"])
    assert one is not None
    assert one["fullname"] == lead["fullname"]
    assert client.records.retrieve("lead", "00000000-0000-0000-0000-000000000001") is None
    open_ones = client.records.list("lead", filter=col("statecode") == 0, select=["leadid"])
    assert {each["leadid"] for each in open_ones} == {
        row["leadid"] for row in drained["lead"] if row["statecode"] == 0
    }
    with pytest.raises(HttpError) as refused:
        client.records.list("lead", select=["nosuch"])
    assert refused.value.status_code == 400
    assert refused.value.details["service_error_code"] == "0x80060888"


def persons(drained: Rows) -> dict[str, str]:
    """Every lead and contact -> the row that was there first of all that are one person."""
    of: dict[str, str] = {}
    leads = {row["leadid"]: row for row in drained["lead"]}
    born = {row["leadid"]: (row["createdon"], 0) for row in drained["lead"]}
    born |= {row["contactid"]: (row["createdon"], 1) for row in drained["contact"]}
    groups: dict[str, list[str]] = {}
    for identifier, row in leads.items():
        kept = row["_masterid_value"] if row["merged"] else identifier
        contact = leads[kept]["_parentcontactid_value"] if kept in leads else None
        groups.setdefault(contact or kept, []).append(identifier)
    for row in drained["contact"]:
        groups.setdefault(row["contactid"], []).append(row["contactid"])
    for members in groups.values():
        there = [each for each in members if not leads.get(each, {}).get("merged")]
        first = min(there, key=lambda each: born[each]) if there else members[0]
        of |= dict.fromkeys(members, first)
    return of


def raised(drained: Rows, of: dict[str, str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for row in drained["lead"]:
        if row[f"new_origin@{FORMATTED}"] in ("Web form", "Booking page", "Chat"):
            at = datetime.fromisoformat(row["createdon"])
            person = of[row["leadid"]]
            found[person] = min(at, found.get(person, at))
    return found


def standing(truth: Any) -> list[Any]:
    return [row for row in truth["leads"] if row["deleted_at"] is None]


def test_people_are_those_of_the_truth(drained: Rows, dynamics: Caller, truth: Any) -> None:
    names = ids.person_ids(dynamics.world.contacts)
    of = persons(drained)
    expected = {
        names[contact]
        for row in standing(truth)
        for contact in (row["hubspot_contact_id"], *row["duplicates_hubspot_ids"])
    }
    # A lead that was merged stays when its master is deleted.
    merged = {row["leadid"] for row in drained["lead"] if row["merged"]}
    assert set(of.values()) - merged == expected
    hands = raised(drained, of)
    for row in standing(truth):
        assert hands.get(names[row["hubspot_contact_id"]]) == second(row["raised_at"]), row


def is_touch(kind: str, row: dict[str, Any], machines: set[str], now: datetime) -> bool:
    """One of ours reached out, and it was neither returned nor called off."""
    by_machine = row["_createdby_value"] in machines or row["isworkflowcreated"]
    at = moment(row[WHEN[kind]])
    if at is None or at > now or by_machine:
        return False
    if kind == "appointment":
        return row["statecode"] in (1, 3)
    if kind == "email":
        automatic = row["subject"].startswith("Automatic reply:")
        return row["directioncode"] and row["statuscode"] == 3 and not automatic
    return bool(row["directioncode"])


WHEN = {
    "phonecall": "actualend",
    "email": "senton",
    "appointment": "scheduledstart",
    "socialactivity": "postedon",
}


def test_first_touches(drained: Rows, dynamics: Caller, truth: Any) -> None:
    of = persons(drained)
    now = dynamics.clock.now()
    machines = {row["systemuserid"] for row in drained["systemuser"] if row["applicationid"]}
    parties: dict[str, set[str]] = {}
    for row in drained["activityparty"]:
        if row["_partyid_value"] in of:
            parties.setdefault(row["_activityid_value"], set()).add(of[row["_partyid_value"]])
    touches: dict[str, list[datetime]] = {}
    for kind, column in WHEN.items():
        for row in drained[kind]:
            if is_touch(kind, row, machines, now):
                for person in parties.get(row["activityid"], ()):
                    touches.setdefault(person, []).append(datetime.fromisoformat(row[column]))
    names = ids.person_ids(dynamics.world.contacts)
    answered = 0
    for lead in standing(truth):
        if lead["raised_at"] is None:
            continue
        since = second(lead["raised_at"])
        assert since is not None
        own = (lead["hubspot_contact_id"], *lead["duplicates_hubspot_ids"])
        later = [at for each in own for at in touches.get(names[each], []) if at >= since]
        assert min(later, default=None) == second(lead["first_touch_at"]), lead
        answered += bool(later)
    assert answered > 100


def test_stays_as_told_by_audits(drained: Rows, truth: Any) -> None:
    stays: dict[str, list[Any]] = {}
    state: dict[str, dict[str, Any]] = {}
    for row in sorted(drained["audit"], key=lambda row: (row["createdon"], row["auditid"])):
        if row["objecttypecode"] != "opportunity" or row["changedata"] is None:
            continue
        deal = state.setdefault(row["_objectid_value"], {})
        for change in json.loads(row["changedata"])["changedAttributes"]:
            deal[change["logicalName"]] = change["newValue"]
        stage = {"1": "won", "2": "lost"}.get(deal["statecode"], deal["stepname"])
        stay = (deal["new_pipeline"], stage)
        known = stays.setdefault(row["_objectid_value"], [])
        if not known or known[-1][1] != stay:
            known.append((moment(row["createdon"]), stay))
    true: dict[str, list[Any]] = {}
    for row in truth["deal_stages"]:
        place = (
            str(ids.pipeline_value(row["pipeline"])),
            ids.stage_value(row["pipeline"], row["stage"]),
        )
        deal_id = ids.opportunity_id(row["deal_id"])
        true.setdefault(deal_id, []).append((second(row["entered_at"]), place))
    # Audits outlive a deleted deal.
    assert stays == true


def test_deals_and_their_people(drained: Rows, dynamics: Caller, truth: Any) -> None:
    rows = {row["opportunityid"]: row for row in drained["opportunity"]}
    currencies = {
        row["transactioncurrencyid"]: row["isocurrencycode"]
        for row in drained["transactioncurrency"]
    }
    alive = [row for row in truth["deals"] if row["deleted_at"] is None]
    assert set(rows) == {ids.opportunity_id(row["deal_id"]) for row in alive}
    for deal in alive:
        row = rows[ids.opportunity_id(deal["deal_id"])]
        assert (row["statecode"] == 1, row["statecode"] != 0) == (deal["is_won"], deal["is_closed"])
        amount = row["actualvalue"] if deal["is_won"] else row["estimatedvalue"]
        assert (None if amount is None else Decimal(str(amount))) == deal["amount"]
        assert currencies[row["_transactioncurrencyid_value"]] == deal["currency"]
        assert row["_ownerid_value"] == ids.user_id(deal["owner_hubspot_id"])
    ended = drained["opportunityclose"]
    closes = sum(row["is_closed"] for row in truth["deal_stages"])
    gone = {row["deal_id"] for row in truth["deals"] if row["deleted_at"] is not None}
    lost = sum(row["is_closed"] for row in truth["deal_stages"] if row["deal_id"] in gone)
    assert len(ended) == closes - lost
    assert all(moment(each["actualend"]) <= dynamics.clock.now() for each in ended)  # type: ignore[operator]


def test_money_is_converted_at_the_rate_of_its_day(drained: Rows) -> None:
    for row in drained["opportunity"]:
        if row["estimatedvalue"] is not None:
            base = Decimal(str(row["estimatedvalue"])) / Decimal(str(row["exchangerate"]))
            assert abs(base - Decimal(str(row["estimatedvalue_base"]))) < Decimal("0.01")


def test_what_is_planned_is_not_shown_before_its_time(drained: Rows, dynamics: Caller) -> None:
    now = dynamics.clock.now().astimezone(UTC)
    for name, rows in drained.items():
        for row in rows:
            for column in ("createdon", "modifiedon"):
                at = moment(row.get(column))
                assert at is None or at <= now, (name, row)
