"""Fields of activities.

Belongs here: lines as `objects.py` reads them. Does not: what the fields hold.
"""

from __future__ import annotations

from revops_pipelines.sandbox.salesforce.objects import AUDIT, SETUP_AUDIT

_ACTIVITY = """
WhoId ref:Contact,Lead
WhatId ref:Opportunity
AccountId ref:Account
OwnerId ref:User
Subject combobox:255
Type picklist
Description textarea
IsArchived boolean
IsReminderSet boolean
ReminderDateTime datetime
CurrencyIsoCode picklist:3
"""

LINES = {
    "Task": AUDIT
    + _ACTIVITY
    + """
Status picklist
Priority picklist
TaskSubtype picklist:40
ActivityDate date
IsClosed boolean
IsHighPriority boolean
CompletedDateTime datetime
CallType picklist:40
CallDisposition string
CallDurationInSeconds int
CallObject string
Cadence_Name__c string:80
""",
    "Event": AUDIT
    + _ACTIVITY
    + """
Location string
IsAllDayEvent boolean
ActivityDate date
ActivityDateTime datetime
StartDateTime datetime
EndDateTime datetime
DurationInMinutes int
EventSubtype picklist:40
ShowAs picklist:40
IsChild boolean
IsGroupEvent boolean
Meeting_Outcome__c picklist
Booked_Via__c picklist
""",
    "EventRelation": AUDIT
    + """
EventId ref:Event
RelationId ref:Contact,Lead
IsWhat boolean
IsParent boolean
IsInvitee boolean
AccountId ref:Account
Status picklist:40
""",
    "EmailMessage": AUDIT
    + """
ActivityId ref:Task
RelatedToId ref:Opportunity
Subject string:3000
TextBody textarea:131072
FromName string:1000
FromAddress email:1000
ToAddress string:4000
Incoming boolean
HasAttachment boolean
Status picklist:40
MessageDate datetime
MessageIdentifier string:765
ThreadIdentifier string:765
ReplyToEmailMessageId ref:EmailMessage
IsBounced boolean
IsClientManaged boolean
IsTracked boolean
AutomationType picklist:255
CurrencyIsoCode picklist:3
""",
    "EmailMessageRelation": """
Id id
IsDeleted boolean
CreatedDate datetime
CreatedById ref:User
SystemModstamp datetime
EmailMessageId ref:EmailMessage
RelationId ref:Contact,Lead,User
RelationType picklist:40
RelationAddress string:1000
RelationObjectType picklist:40
""",
    "TaskStatus": SETUP_AUDIT
    + """
MasterLabel string
ApiName string
SortOrder int
IsDefault boolean
IsClosed boolean
""",
}
