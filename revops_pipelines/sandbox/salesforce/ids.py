"""Salesforce record ids, each a pure function of what the simulated world calls the same thing.

Belongs here: key prefixes and the arithmetic from the world's numbers (told in HubSpot ids by the
tables of truth) to 18-character ids. Does not: what the records say.

Within a type, ids ascend as text in the order of the world's numbers.
"""

from __future__ import annotations

from revops_pipelines.sandbox.world.activities import ACTIVITY_ID_STEP, ACTIVITY_IDS_FROM
from revops_pipelines.sandbox.world.deals import DEAL_ID_STEP, DEAL_IDS_FROM
from revops_pipelines.sandbox.world.people import CONTACT_ID_STEP, CONTACT_IDS_FROM

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Two digits at a time: ids are made by the hundred thousand.
PAIRS = [first + second for first in DIGITS for second in DIGITS]
CAPITALS = str.maketrans({digit: str(int(digit.isupper())) for digit in DIGITS})
CHECK_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
# Which server of Salesforce's the organisation lives on; the same in all its ids.
INSTANCE = "Qy0"
# The first three characters tell the type: "Standard Field Record ID Prefix Decoder" in
# Salesforce's help. History objects share one.
PREFIXES = {
    "Account": "001",
    "Campaign": "701",
    "CampaignMember": "00v",
    "Contact": "003",
    "Contract": "800",
    "CurrencyType": "01L",
    "DatedConversionRate": "04w",
    "EmailMessage": "02s",
    "EmailMessageRelation": "0eR",
    "Event": "00U",
    "EventRelation": "0RE",
    "ForecastingItem": "0J6",
    "ForecastingQuota": "0J9",
    "ForecastingType": "0Db",
    "Group": "00G",
    "Lead": "00Q",
    "LeadHistory": "017",
    "ContactHistory": "017",
    "LeadStatus": "01J",
    "OpportunityFieldHistory": "017",
    "Opportunity": "006",
    "OpportunityContactRole": "00K",
    "OpportunityHistory": "008",
    "OpportunityLineItem": "00k",
    "OpportunitySplit": "1OS",
    "OpportunitySplitType": "1OT",
    "OpportunityStage": "01J",
    "Order": "801",
    "OrderItem": "802",
    "Organization": "00D",
    "Period": "026",
    "Pricebook2": "01s",
    "PricebookEntry": "01u",
    "Product2": "01t",
    "RecordType": "012",
    "Task": "00T",
    "TaskStatus": "01J",
    "User": "005",
    "UserRole": "00E",
}
# A person's second record is numbered far behind everybody's first.
SECOND_FROM = 1_000_000_000


def record_id(sobject: str, number: int) -> str:
    """The 18-character id of a type's record.

    >>> record_id("Lead", 1)
    '00QQy0000000001MAA'
    """
    number, last = divmod(number, 3_844)
    number, third = divmod(number, 3_844)
    number, second = divmod(number, 3_844)
    number, first = divmod(number, 3_844)
    digits = DIGITS[number] + PAIRS[first] + PAIRS[second] + PAIRS[third] + PAIRS[last]
    return with_check(PREFIXES[sobject] + INSTANCE + digits)


def with_check(short: str) -> str:
    """A 15-character id with the three characters that tell its capitals.

    Each tells five characters; bit n is set where the n-th of them is an upper-case letter.

    >>> with_check("00130000000ABCD")
    '00130000000ABCDAA4'
    """
    bits = short[::-1].translate(CAPITALS)
    parts = (bits[10:], bits[5:10], bits[:5])
    return short + "".join([CHECK_DIGITS[int(part, 2)] for part in parts])


def lead_id(person_index: int) -> str:
    """The Lead of a person, where the person is or was one (see `people.py`)."""
    return record_id("Lead", person_index + 1)


def contact_id(person_index: int) -> str:
    """The Contact of a person: made as such, or by converting the Lead."""
    return record_id("Contact", person_index + 1)


def second_lead_id(hubspot_contact_id: str) -> str:
    """The second Lead of a person, by the HubSpot contact of kind alias or case."""
    return record_id("Lead", second_number(hubspot_contact_id))


def second_contact_id(hubspot_contact_id: str) -> str:
    """The second Contact of a person, by the HubSpot contact of kind alias or case."""
    return record_id("Contact", second_number(hubspot_contact_id))


def account_id(hubspot_company_id: str) -> str:
    """An Account, by the HubSpot company."""
    return record_id("Account", (int(hubspot_company_id) - 8_100_000_000) // 19 + 1)


def opportunity_id(hubspot_deal_id: str) -> str:
    """An Opportunity, by the HubSpot deal."""
    return record_id("Opportunity", (int(hubspot_deal_id) - DEAL_IDS_FROM) // DEAL_ID_STEP + 1)


def user_id(hubspot_owner_id: str) -> str:
    """A User, by the HubSpot owner."""
    return record_id("User", (int(hubspot_owner_id) - 70_100_000) // 1_013 + 10)


def role_id(hubspot_team_id: str) -> str:
    """A UserRole, by the HubSpot team."""
    return record_id("UserRole", int(hubspot_team_id) - 41_000 + 1)


def activity_record_id(kind: str, hubspot_engagement_id: int | str) -> str:
    """The record of an activity: an EmailMessage, an Event, or a Task for the other kinds.

    Mails of sequences and workflows have no EmailMessage: ask for these as kind task. The Task
    that Salesforce makes beside an EmailMessage has the id of kind task as well.
    """
    sobject = {"email": "EmailMessage", "meeting": "Event"}.get(kind, "Task")
    return record_id(sobject, activity_number(int(hubspot_engagement_id)))


def activity_number(hubspot_engagement_id: int) -> int:
    """Which of the world's activities it is, from 1."""
    return (hubspot_engagement_id - ACTIVITY_IDS_FROM) // ACTIVITY_ID_STEP + 1


def record_type_id(pipeline_id: str) -> str:
    """The record type of opportunities that stands for a pipeline, by HubSpot's pipeline id."""
    return record_id("RecordType", 1 if pipeline_id == "default" else 2)


def second_number(hubspot_contact_id: str) -> int:
    """The number of a person's second record."""
    return SECOND_FROM + (int(hubspot_contact_id) - CONTACT_IDS_FROM) // CONTACT_ID_STEP + 1
