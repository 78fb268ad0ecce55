"""Our own people, teams, queue and the organisation as Salesforce shows them.

Belongs here: User, UserRole, Group, Organization, LeadStatus, TaskStatus, and who counts as having
made a record. Does not: what they own.
"""

from __future__ import annotations

from collections.abc import Iterator

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.story import Change, epoch_ms
from revops_pipelines.sandbox.salesforce.table import Listed
from revops_pipelines.sandbox.world.company import COUNTRIES, TEAMS, User
from revops_pipelines.sandbox.world.world import World

# Users of Salesforce's own making; their `UserType` is not Standard.
AUTOMATED = ids.record_id("User", 1)
INTEGRATION = ids.record_id("User", 2)
INBOUND_QUEUE = ids.record_id("Group", 1)
HEAD_ROLE = ids.record_id("UserRole", 1)
ORGANIZATION = ids.record_id("Organization", 1)
BASE = "USD"
# label: (is the first, is converted)
LEAD_STATUSES = {
    "New": (True, False),
    "Marketing Qualified": (False, False),
    "Sales Qualified": (False, False),
    "Converted": (False, True),
    "Spam": (False, False),
}
TASK_STATUSES = {"Not Started": False, "In Progress": False, "Completed": True}


def user_of(world: World, index: int | None) -> str:
    """The id of one of our people, or of the integration where nobody is known."""
    return INTEGRATION if index is None else ids.user_id(world.users[index].hubspot_id)


def staff(world: World) -> Iterator[Listed]:
    """The objects of this module."""
    began = epoch_ms(world.start)
    yield Listed("User", [*_machines(began), *(_user(each, began) for each in world.users)])
    yield Listed("UserRole", [*_roles(began)])
    yield Listed("Group", [(1, [Change(began, _QUEUE, AUTOMATED)], None)])
    yield Listed("Organization", [(1, [Change(began, _ORGANIZATION, AUTOMATED)], None)])
    yield Listed("LeadStatus", [*_lead_statuses(began)])
    yield Listed("TaskStatus", [*_task_statuses(began)])


Row = tuple[int, list[Change], int | None]

_QUEUE = {
    "Name": "Inbound Leads",
    "DeveloperName": "Inbound_Leads",
    "Type": "Queue",
    "DoesIncludeBosses": False,
}
_ORGANIZATION = {
    "Name": "Northbeam",
    "Country": "US",
    "DefaultLocaleSidKey": "en_US",
    "LanguageLocaleKey": "en_US",
    "TimeZoneSidKey": "America/New_York",
    "OrganizationType": "Enterprise Edition",
    "InstanceName": "SBX1",
    "IsSandbox": False,
    "FiscalYearStartMonth": 1,
    "UsesStartDateAsFiscalYearName": False,
}


def _machines(began: int) -> Iterator[Row]:
    names = (
        (1, "Automated", "Process", "AutomatedProcess"),
        (2, "Platform", "Integration User", "CloudIntegrationUser"),
    )
    for number, first, last, kind in names:
        values = {
            "Username": f"{kind.lower()}@northbeam.example",
            "FirstName": first,
            "LastName": last,
            "Name": f"{first} {last}",
            "Email": "noreply@northbeam.example",
            "Alias": kind[:8].lower(),
            "TimeZoneSidKey": "GMT",
            "LocaleSidKey": "en_US",
            "UserType": kind,
            "IsActive": True,
            "DefaultCurrencyIsoCode": BASE,
            "CurrencyIsoCode": BASE,
        }
        yield number, [Change(began, values, AUTOMATED)], None


def _user(user: User, began: int) -> Row:
    first, last = user.name.split(" ", 1)
    team = next(team for team in TEAMS if team.name == user.team)
    currency = next(facts[1] for facts in COUNTRIES.values() if facts[2] == user.team)
    values = {
        "Username": user.email,
        "FirstName": first,
        "LastName": last,
        "Name": user.name,
        "Email": user.email,
        "Alias": f"{first[0]}{last[:6]}".lower(),
        "Title": "Account Executive",
        "Department": "Sales",
        "Country": user.country,
        "TimeZoneSidKey": user.time_zone,
        "LocaleSidKey": "en_US",
        "UserRoleId": ids.role_id(team.hubspot_id),
        "UserType": "Standard",
        "IsActive": True,
        "DefaultCurrencyIsoCode": currency,
        "CurrencyIsoCode": currency,
    }
    story = [Change(began, values, AUTOMATED)]
    if user.left_at is not None:
        story.append(Change(epoch_ms(user.left_at), {"IsActive": False}, AUTOMATED))
    return user.index + 10, story, None


def _roles(began: int) -> Iterator[Row]:
    head = {"Name": "Sales", "RollupDescription": "All of sales", "DeveloperName": "Sales"}
    yield 1, [Change(began, head, AUTOMATED)], None
    for team in TEAMS:
        values = {
            "Name": team.name,
            "ParentRoleId": HEAD_ROLE,
            "RollupDescription": team.name,
            "DeveloperName": team.name.replace(" ", "_"),
        }
        yield int(team.hubspot_id) - 41_000 + 1, [Change(began, values, AUTOMATED)], None


def _lead_statuses(began: int) -> Iterator[Row]:
    for number, (label, (is_first, is_converted)) in enumerate(LEAD_STATUSES.items(), 1):
        values = {
            "MasterLabel": label,
            "ApiName": label,
            "SortOrder": number,
            "IsDefault": is_first,
            "IsConverted": is_converted,
        }
        yield number, [Change(began, values, AUTOMATED)], None


def _task_statuses(began: int) -> Iterator[Row]:
    for number, (label, is_closed) in enumerate(TASK_STATUSES.items(), 1):
        values = {
            "MasterLabel": label,
            "ApiName": label,
            "SortOrder": number,
            "IsDefault": number == 1,
            "IsClosed": is_closed,
        }
        yield 200 + number, [Change(began, values, AUTOMATED)], None
