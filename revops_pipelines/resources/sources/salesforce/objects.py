"""The objects that are read, with the fields that we need of each.

Belongs here: names, by Salesforce's object reference. Does not: how they become streams
(`streams.py`).

A column is written `name=Field` (text), `name:TYPE=Field`, or in brackets where not every org has
the field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPELLING = re.compile(r"^(\[?)([a-z_]+)(?::([A-Z]+))?=([A-Za-z0-9]+)\]?$")


@dataclass(frozen=True, slots=True)
class NeededField:
    """A column that reads a field; `is_optional` where not every org has it."""

    name: str
    type: str
    field: str
    is_optional: bool


@dataclass(frozen=True, slots=True)
class SalesforceObject:
    """An object and its stream.

    `way` is records (changes by SystemModstamp), history (rows that never change, by CreatedDate)
    or table (small, read whole). `features` must be on in the org, or permitted to the user.
    """

    stream: str
    name: str
    description: str
    columns: tuple[NeededField, ...]
    way: str = "records"
    pulse: bool = False
    features: tuple[str, ...] = ()


def columns(text: str) -> tuple[NeededField, ...]:
    """Columns as they are written here.

    >>> [(each.name, each.type, each.is_optional) for each in columns("a=A [b:DATE=B]")]
    [('a', 'VARCHAR', False), ('b', 'DATE', True)]
    """
    found = []
    for word in text.split():
        match = _SPELLING.match(word)
        if match is None:
            raise ValueError(f"{word!r} is no column")
        bracket, name, kind, field = match.groups()
        found.append(NeededField(name, kind or "VARCHAR", field, bool(bracket)))
    return tuple(found)


_SALES = (
    SalesforceObject(
        "leads",
        "Lead",
        "People who may buy, until they are converted into contacts.",
        columns(
            "email=Email first_name=FirstName last_name=LastName company=Company "
            "lead_source=LeadSource status=Status owner_id=OwnerId [industry=Industry] "
            "country=Country [country_code=CountryCode] is_converted:BOOLEAN=IsConverted "
            "converted_on:DATE=ConvertedDate converted_contact_id=ConvertedContactId "
            "converted_account_id=ConvertedAccountId "
            "converted_opportunity_id=ConvertedOpportunityId master_id=MasterRecordId "
            "bounced_at:TIMESTAMP=EmailBouncedDate"
        ),
        pulse=True,
    ),
    SalesforceObject(
        "contacts",
        "Contact",
        "People of companies.",
        columns(
            "email=Email first_name=FirstName last_name=LastName account_id=AccountId "
            "lead_source=LeadSource owner_id=OwnerId country=MailingCountry "
            "[country_code=MailingCountryCode] master_id=MasterRecordId "
            "bounced_at:TIMESTAMP=EmailBouncedDate"
        ),
        pulse=True,
    ),
    SalesforceObject(
        "accounts",
        "Account",
        "Companies.",
        columns(
            "name=Name website=Website industry=Industry employees=NumberOfEmployees "
            "country=BillingCountry [country_code=BillingCountryCode] owner_id=OwnerId "
            "parent_id=ParentId master_id=MasterRecordId"
        ),
    ),
    SalesforceObject(
        "record_types",
        "RecordType",
        "Record types: of opportunities, they tell sales processes apart.",
        columns("object=SobjectType name=Name developer_name=DeveloperName"),
        way="table",
    ),
    SalesforceObject(
        "opportunity_stages",
        "OpportunityStage",
        "Stages of opportunities, of all sales processes.",
        columns(
            "name=ApiName label=MasterLabel position:INTEGER=SortOrder "
            "is_closed:BOOLEAN=IsClosed is_won:BOOLEAN=IsWon "
            "probability:DOUBLE=DefaultProbability forecast_category=ForecastCategoryName"
        ),
        way="table",
    ),
    SalesforceObject(
        "opportunities",
        "Opportunity",
        "Opportunities as they stand.",
        columns(
            "name=Name account_id=AccountId stage=StageName amount=Amount close_on:DATE=CloseDate "
            "type=Type lead_source=LeadSource [record_type_id=RecordTypeId] owner_id=OwnerId "
            "is_closed:BOOLEAN=IsClosed is_won:BOOLEAN=IsWon "
            "forecast_category=ForecastCategoryName probability=Probability "
            "campaign_id=CampaignId [currency=CurrencyIsoCode]"
        ),
    ),
    SalesforceObject(
        "opportunity_history",
        "OpportunityHistory",
        "Every change of stage, amount, close date, probability or forecast category.",
        columns(
            "opportunity_id=OpportunityId stage=StageName amount=Amount close_on:DATE=CloseDate "
            "forecast_category=ForecastCategory probability=Probability"
        ),
        way="history",
    ),
    SalesforceObject(
        "opportunity_field_history",
        "OpportunityFieldHistory",
        "Changes of tracked fields of opportunities.",
        columns("opportunity_id=OpportunityId field=Field old_value=OldValue new_value=NewValue"),
        way="history",
        features=("field history tracking of Owner and Record Type on Opportunity",),
    ),
    SalesforceObject(
        "opportunity_contact_roles",
        "OpportunityContactRole",
        "People of opportunities.",
        columns(
            "opportunity_id=OpportunityId contact_id=ContactId role=Role "
            "is_primary:BOOLEAN=IsPrimary"
        ),
    ),
    SalesforceObject(
        "opportunity_line_items",
        "OpportunityLineItem",
        "Products of opportunities.",
        columns(
            "opportunity_id=OpportunityId product_id=Product2Id quantity=Quantity "
            "unit_price=UnitPrice total_price=TotalPrice service_on:DATE=ServiceDate"
        ),
    ),
    SalesforceObject(
        "opportunity_splits",
        "OpportunitySplit",
        "Shares of opportunities that people are credited with.",
        columns(
            "opportunity_id=OpportunityId user_id=SplitOwnerId percent=SplitPercentage "
            "amount=SplitAmount"
        ),
        features=("Opportunity Splits in Setup",),
    ),
    SalesforceObject(
        "lead_history",
        "LeadHistory",
        "Changes of tracked fields of leads.",
        columns("lead_id=LeadId field=Field old_value=OldValue new_value=NewValue"),
        way="history",
        features=("field history tracking of Lead Owner and Status on Lead",),
    ),
    SalesforceObject(
        "contact_history",
        "ContactHistory",
        "Changes of tracked fields of contacts.",
        columns("contact_id=ContactId field=Field old_value=OldValue new_value=NewValue"),
        way="history",
        features=("field history tracking of Contact Owner on Contact",),
    ),
)

_WORK = (
    SalesforceObject(
        "tasks",
        "Task",
        "Calls, logged mails and things to do; archived ones too.",
        columns(
            "who_id=WhoId what_id=WhatId account_id=AccountId owner_id=OwnerId "
            "subtype=TaskSubtype type=Type status=Status is_closed:BOOLEAN=IsClosed "
            "subject=Subject call_type=CallType call_result=CallDisposition "
            "due_on:DATE=ActivityDate completed_at:TIMESTAMP=CompletedDateTime "
            "created_by_id=CreatedById"
        ),
        pulse=True,
    ),
    SalesforceObject(
        "task_relations",
        "TaskRelation",
        "Further people of tasks.",
        columns("task_id=TaskId relation_id=RelationId is_what:BOOLEAN=IsWhat"),
        pulse=True,
        features=("Shared Activities in Setup",),
    ),
    SalesforceObject(
        "events",
        "Event",
        "Meetings, planned or held.",
        columns(
            "who_id=WhoId what_id=WhatId account_id=AccountId owner_id=OwnerId type=Type "
            "subject=Subject starts_at:TIMESTAMP=StartDateTime ends_at:TIMESTAMP=EndDateTime "
            "is_child:BOOLEAN=IsChild created_by_id=CreatedById"
        ),
        pulse=True,
    ),
    SalesforceObject(
        "event_relations",
        "EventRelation",
        "People who were invited to meetings.",
        columns("event_id=EventId relation_id=RelationId status=Status"),
        pulse=True,
    ),
    SalesforceObject(
        "email_messages",
        "EmailMessage",
        "Mails that were sent from Salesforce or logged there.",
        columns(
            "task_id=ActivityId related_to_id=RelatedToId incoming:BOOLEAN=Incoming "
            "status=Status subject=Subject sent_at:TIMESTAMP=MessageDate "
            "is_bounced:BOOLEAN=IsBounced created_by_id=CreatedById"
        ),
        pulse=True,
        features=("Enhanced Email in Setup",),
    ),
    SalesforceObject(
        "email_message_relations",
        "EmailMessageRelation",
        "People and users on both ends of mails.",
        columns(
            "email_id=EmailMessageId relation_id=RelationId relation_type=RelationType "
            "relation_object=RelationObjectType"
        ),
        pulse=True,
        features=("Enhanced Email in Setup",),
    ),
    SalesforceObject(
        "users",
        "User",
        "Our people, also those who left.",
        columns(
            "name=Name email=Email role_id=UserRoleId time_zone=TimeZoneSidKey "
            "is_active:BOOLEAN=IsActive user_type=UserType"
        ),
        pulse=True,
    ),
    SalesforceObject(
        "user_roles",
        "UserRole",
        "Roles of users: what we call a team.",
        columns("name=Name parent_id=ParentRoleId"),
        way="table",
    ),
)

_MARKETING = (
    SalesforceObject(
        "campaigns",
        "Campaign",
        "Campaigns with planned and actual cost.",
        columns(
            "name=Name type=Type status=Status starts_on:DATE=StartDate ends_on:DATE=EndDate "
            "budget=BudgetedCost cost=ActualCost parent_id=ParentId [currency=CurrencyIsoCode]"
        ),
        features=("Marketing User on the user",),
    ),
    SalesforceObject(
        "campaign_members",
        "CampaignMember",
        "People of campaigns, and when they responded.",
        columns(
            "campaign_id=CampaignId lead_id=LeadId contact_id=ContactId status=Status "
            "has_responded:BOOLEAN=HasResponded responded_on:DATE=FirstRespondedDate"
        ),
    ),
)

_MONEY = (
    SalesforceObject(
        "products",
        "Product2",
        "Products.",
        columns("name=Name code=ProductCode family=Family is_active:BOOLEAN=IsActive"),
    ),
    SalesforceObject(
        "pricebook_entries",
        "PricebookEntry",
        "Prices of products.",
        columns(
            "product_id=Product2Id pricebook_id=Pricebook2Id unit_price=UnitPrice "
            "is_active:BOOLEAN=IsActive [currency=CurrencyIsoCode]"
        ),
    ),
    SalesforceObject(
        "contracts",
        "Contract",
        "Contracts with customers.",
        columns(
            "account_id=AccountId status=Status starts_on:DATE=StartDate ends_on:DATE=EndDate "
            "term_months=ContractTerm [notice_days=OwnerExpirationNotice]"
        ),
    ),
    SalesforceObject(
        "orders",
        "Order",
        "Orders of customers.",
        columns(
            "account_id=AccountId contract_id=ContractId opportunity_id=OpportunityId "
            "status=Status starts_on:DATE=EffectiveDate ends_on:DATE=EndDate amount=TotalAmount "
            "[currency=CurrencyIsoCode]"
        ),
        features=("Orders in Setup",),
    ),
    SalesforceObject(
        "forecasting_quotas",
        "ForecastingQuota",
        "Quotas of people by month or quarter.",
        columns(
            "user_id=QuotaOwnerId starts_on:DATE=StartDate period_id=PeriodId amount=QuotaAmount "
            "quantity=QuotaQuantity type_id=ForecastingTypeId [currency=CurrencyIsoCode]"
        ),
        features=("Collaborative Forecasts and quotas in Setup", "View All Forecasts"),
    ),
    SalesforceObject(
        "forecasting_items",
        "ForecastingItem",
        "Forecasts of people by period and category.",
        columns(
            "user_id=OwnerId period_id=PeriodId category=ForecastCategoryName "
            "amount=ForecastAmount type_id=ForecastingTypeId [currency=CurrencyIsoCode]"
        ),
        features=("Collaborative Forecasts in Setup", "View All Forecasts"),
    ),
    SalesforceObject(
        "periods",
        "Period",
        "Fiscal periods.",
        columns("type=Type starts_on:DATE=StartDate ends_on:DATE=EndDate"),
        way="table",
    ),
    SalesforceObject(
        "currency_types",
        "CurrencyType",
        "Currencies of the org.",
        columns(
            "currency=IsoCode rate=ConversionRate is_corporate:BOOLEAN=IsCorporate "
            "is_active:BOOLEAN=IsActive"
        ),
        way="table",
        features=("multiple currencies",),
    ),
    SalesforceObject(
        "dated_conversion_rates",
        "DatedConversionRate",
        "Rates of exchange from a day on.",
        columns("currency=IsoCode rate=ConversionRate starts_on:DATE=StartDate"),
        way="table",
        features=("advanced currency management",),
    ),
)

OBJECTS = (*_SALES, *_WORK, *_MARKETING, *_MONEY)
