"""Fields of people, companies, users and the organisation.

Belongs here: lines as `objects.py` reads them. Does not: what the fields hold.
"""

from __future__ import annotations

from revops_pipelines.sandbox.salesforce.objects import AUDIT, HISTORY_AUDIT, SETUP_AUDIT

# What the company added to leads and contacts alike; a conversion carries it over.
OWN_OF_PEOPLE = """
First_Inquiry_At__c datetime
Last_Inquiry_At__c datetime
Inquiry_Type__c picklist
MQL_At__c datetime
Sales_Qualified_At__c datetime
Region_Code__c string:20
"""
_PERSON = """
MasterRecordId ref:@
FirstName string:40
LastName string:80
Name string:121
Title string:128
Email email
Phone phone:40
LeadSource picklist
OwnerId ref:@owner
HasOptedOutOfEmail boolean
EmailBouncedDate datetime
EmailBouncedReason string
CurrencyIsoCode picklist:3
"""

LINES = {
    "Lead": AUDIT
    + _PERSON.replace("@owner", "Group,User").replace("@", "Lead")
    + """
Company string
Status picklist
Country string:80
CountryCode picklist:10
Address address
IsConverted boolean
ConvertedDate date
ConvertedAccountId ref:Account
ConvertedContactId ref:Contact
ConvertedOpportunityId ref:Opportunity
IsUnreadByOwner boolean
Matched_Account__c ref:Account
"""
    + OWN_OF_PEOPLE,
    "Contact": AUDIT
    + _PERSON.replace("@owner", "User").replace("@", "Contact")
    + """
AccountId ref:Account
MailingCountry string:80
MailingCountryCode picklist:10
MailingAddress address
"""
    + OWN_OF_PEOPLE,
    "Account": AUDIT
    + """
MasterRecordId ref:Account
Name string
Type picklist
ParentId ref:Account
BillingCountry string:80
BillingCountryCode picklist:10
BillingAddress address
Website url:255
Industry picklist
NumberOfEmployees int
OwnerId ref:User
CurrencyIsoCode picklist:3
Time_Zone__c string:80
Customer_Tier__c picklist
""",
    "LeadHistory": HISTORY_AUDIT
    + """
LeadId ref:Lead
Field picklist
DataType picklist
OldValue anyType
NewValue anyType
""",
    "ContactHistory": HISTORY_AUDIT
    + """
ContactId ref:Contact
Field picklist
DataType picklist
OldValue anyType
NewValue anyType
""",
    "User": SETUP_AUDIT
    + """
Username string:80
FirstName string:40
LastName string:80
Name string:121
Email email:128
Alias string:8
Title string:80
Department string:80
Country string:80
TimeZoneSidKey picklist:40
LocaleSidKey picklist:40
UserRoleId ref:UserRole
UserType picklist:40
IsActive boolean
ManagerId ref:User
DefaultCurrencyIsoCode picklist:3
CurrencyIsoCode picklist:3
""",
    "UserRole": """
Id id
Name string:80
ParentRoleId ref:UserRole
RollupDescription string:80
DeveloperName string:80
LastModifiedDate datetime
LastModifiedById ref:User
SystemModstamp datetime
""",
    "Group": SETUP_AUDIT
    + """
Name string:40
DeveloperName string:80
Type picklist:40
Email email:255
DoesIncludeBosses boolean
""",
    "Organization": SETUP_AUDIT
    + """
Name string:80
Country string:80
DefaultLocaleSidKey picklist:40
LanguageLocaleKey picklist:40
TimeZoneSidKey picklist:40
OrganizationType picklist:40
InstanceName string:5
IsSandbox boolean
FiscalYearStartMonth int
UsesStartDateAsFiscalYearName boolean
""",
    "LeadStatus": SETUP_AUDIT
    + """
MasterLabel string
ApiName string
SortOrder int
IsDefault boolean
IsConverted boolean
""",
}
