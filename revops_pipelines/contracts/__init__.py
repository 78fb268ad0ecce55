"""All contracts, by entity: the order is the order of the data's way."""

from __future__ import annotations

from revops_pipelines.contracts.accounts import Accounts
from revops_pipelines.contracts.activities import Activities
from revops_pipelines.contracts.campaigns import Campaigns
from revops_pipelines.contracts.contract import Contract, entity_of
from revops_pipelines.contracts.contracts import Contracts
from revops_pipelines.contracts.credit_notes import CreditNotes
from revops_pipelines.contracts.customers import Customers
from revops_pipelines.contracts.expenses import Expenses
from revops_pipelines.contracts.fx_rates import FxRates
from revops_pipelines.contracts.invoice_lines import InvoiceLines
from revops_pipelines.contracts.invoices import Invoices
from revops_pipelines.contracts.leads import Leads
from revops_pipelines.contracts.marketing_spend import MarketingSpend
from revops_pipelines.contracts.opportunities import Opportunities
from revops_pipelines.contracts.opportunity_contacts import OpportunityContacts
from revops_pipelines.contracts.opportunity_snapshots import OpportunitySnapshots
from revops_pipelines.contracts.opportunity_stage_history import OpportunityStageHistory
from revops_pipelines.contracts.payments import Payments
from revops_pipelines.contracts.quotas import Quotas
from revops_pipelines.contracts.subscription_periods import SubscriptionPeriods
from revops_pipelines.contracts.subscriptions import Subscriptions
from revops_pipelines.contracts.target_accounts import TargetAccounts
from revops_pipelines.contracts.touchpoints import Touchpoints
from revops_pipelines.contracts.users import Users
from revops_pipelines.contracts.web_traffic import WebTraffic

CONTRACTS: dict[str, type[Contract]] = {
    entity_of(contract): contract
    for contract in (
        Accounts,
        Leads,
        Activities,
        Users,
        Campaigns,
        Touchpoints,
        MarketingSpend,
        Expenses,
        WebTraffic,
        Opportunities,
        OpportunityContacts,
        OpportunityStageHistory,
        OpportunitySnapshots,
        Quotas,
        TargetAccounts,
        Customers,
        Subscriptions,
        SubscriptionPeriods,
        Invoices,
        InvoiceLines,
        Payments,
        CreditNotes,
        FxRates,
        Contracts,
    )
}
