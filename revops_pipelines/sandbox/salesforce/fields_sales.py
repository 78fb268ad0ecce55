"""Fields of deals, campaigns, products, currencies and forecasts.

Belongs here: lines as `objects.py` reads them. Does not: what the fields hold.
"""

from __future__ import annotations

from revops_pipelines.sandbox.salesforce.objects import AUDIT, HISTORY_AUDIT, SETUP_AUDIT

LINES = {
    "Opportunity": AUDIT
    + """
AccountId ref:Account
RecordTypeId ref:RecordType
IsPrivate boolean
Name string:120
StageName picklist
Amount currency
Probability percent
ExpectedRevenue currency
CloseDate date
Type picklist
LeadSource picklist
IsClosed boolean
IsWon boolean
ForecastCategory picklist:40
ForecastCategoryName picklist
CurrencyIsoCode picklist:3
CampaignId ref:Campaign
HasOpportunityLineItem boolean
Pricebook2Id ref:Pricebook2
OwnerId ref:User
ContactId ref:Contact
LastStageChangeDate datetime
Loss_Reason__c picklist
Contract_Term_Months__c double
""",
    "OpportunityHistory": HISTORY_AUDIT
    + """
SystemModstamp datetime
OpportunityId ref:Opportunity
StageName picklist
Amount currency
ExpectedRevenue currency
CloseDate date
Probability percent
ForecastCategory picklist:40
PrevAmount currency
PrevCloseDate date
CurrencyIsoCode picklist:3
""",
    "OpportunityFieldHistory": HISTORY_AUDIT
    + """
OpportunityId ref:Opportunity
Field picklist
DataType picklist
OldValue anyType
NewValue anyType
""",
    "OpportunityStage": SETUP_AUDIT
    + """
MasterLabel string
ApiName string
IsActive boolean
SortOrder int
IsClosed boolean
IsWon boolean
ForecastCategory picklist:40
ForecastCategoryName picklist
DefaultProbability percent
Description string
""",
    "OpportunityContactRole": AUDIT
    + """
OpportunityId ref:Opportunity
ContactId ref:Contact
Role picklist
IsPrimary boolean
CurrencyIsoCode picklist:3
""",
    "OpportunityLineItem": AUDIT
    + """
OpportunityId ref:Opportunity
PricebookEntryId ref:PricebookEntry
Product2Id ref:Product2
ProductCode string
Name string:376
SortOrder int
CurrencyIsoCode picklist:3
Quantity double
UnitPrice currency
ListPrice currency
TotalPrice currency
Discount percent
ServiceDate date
Description string
""",
    "OpportunitySplit": AUDIT
    + """
OpportunityId ref:Opportunity
SplitOwnerId ref:User
SplitPercentage percent
SplitAmount currency
SplitTypeId ref:OpportunitySplitType
CurrencyIsoCode picklist:3
""",
    "OpportunitySplitType": AUDIT
    + """
MasterLabel string
DeveloperName string:80
IsActive boolean
IsTotalValidated boolean
SplitField string
""",
    "RecordType": SETUP_AUDIT
    + """
Name string:80
DeveloperName string:80
NamespacePrefix string:15
SobjectType picklist:40
IsActive boolean
Description string
BusinessProcessId id
""",
    "Campaign": AUDIT
    + """
Name string:80
ParentId ref:Campaign
Type picklist
Status picklist
StartDate date
EndDate date
ExpectedRevenue currency
BudgetedCost currency
ActualCost currency
IsActive boolean
NumberOfLeads int
OwnerId ref:User
CurrencyIsoCode picklist:3
""",
    "CampaignMember": AUDIT
    + """
CampaignId ref:Campaign
LeadId ref:Lead
ContactId ref:Contact
LeadOrContactId ref:Contact,Lead
Type string:40
Status picklist:40
HasResponded boolean
FirstRespondedDate date
CurrencyIsoCode picklist:3
""",
    "Product2": AUDIT
    + """
Name string
ProductCode string
Description string:4000
IsActive boolean
Family picklist
QuantityUnitOfMeasure picklist
CurrencyIsoCode picklist:3
""",
    "Pricebook2": AUDIT
    + """
Name string
IsActive boolean
IsStandard boolean
Description string
""",
    "PricebookEntry": AUDIT
    + """
Name string
Pricebook2Id ref:Pricebook2
Product2Id ref:Product2
ProductCode string
UnitPrice currency
IsActive boolean
UseStandardPrice boolean
CurrencyIsoCode picklist:3
""",
    "CurrencyType": SETUP_AUDIT
    + """
IsoCode picklist:3
ConversionRate double
DecimalPlaces int
IsActive boolean
IsCorporate boolean
""",
    "DatedConversionRate": SETUP_AUDIT
    + """
IsoCode picklist:3
StartDate date
NextStartDate date
ConversionRate double
""",
    "Period": """
Id id
Type picklist:40
StartDate date
EndDate date
IsForecastPeriod boolean
Number int
FullyQualifiedLabel string
SystemModstamp datetime
""",
    "ForecastingType": SETUP_AUDIT
    + """
MasterLabel string
DeveloperName string:80
IsActive boolean
IsAmount boolean
IsQuantity boolean
""",
    "ForecastingQuota": SETUP_AUDIT
    + """
ForecastingTypeId ref:ForecastingType
PeriodId ref:Period
StartDate date
QuotaOwnerId ref:User
QuotaAmount currency
QuotaQuantity double
IsAmount boolean
IsQuantity boolean
CurrencyIsoCode picklist:3
""",
    "ForecastingItem": SETUP_AUDIT
    + """
ForecastingTypeId ref:ForecastingType
OwnerId ref:User
PeriodId ref:Period
ForecastCategoryName picklist
AmountWithoutAdjustments currency
ForecastAmount currency
CurrencyIsoCode picklist:3
""",
    "Contract": AUDIT
    + """
AccountId ref:Account
ContractNumber string:30
Status picklist
StartDate date
EndDate date
ContractTerm int
OwnerId ref:User
ActivatedDate datetime
CurrencyIsoCode picklist:3
""",
    "Order": AUDIT
    + """
AccountId ref:Account
OpportunityId ref:Opportunity
ContractId ref:Contract
OrderNumber string:30
Status picklist
EffectiveDate date
EndDate date
TotalAmount currency
OwnerId ref:User
CurrencyIsoCode picklist:3
""",
    "OrderItem": AUDIT
    + """
OrderId ref:Order
Product2Id ref:Product2
PricebookEntryId ref:PricebookEntry
Quantity double
UnitPrice currency
TotalPrice currency
ServiceDate date
EndDate date
CurrencyIsoCode picklist:3
""",
}
