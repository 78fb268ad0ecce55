"""Marketing's things written as HubSpot answers them, at a moment.

Belongs here: pure renderings of campaigns, their money, e-mails, forms, submissions, e-mail events.
Does not: which of them are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from revops_pipelines.sandbox.hubspot.marketing import Event, Mailing, Submission
from revops_pipelines.sandbox.hubspot.marketing_ids import (
    campaign_id,
    conversion_id,
    email_campaign_id,
    email_id,
    event_id,
    form_id,
    utm_of,
)
from revops_pipelines.sandbox.hubspot.render import PORTAL_ID
from revops_pipelines.sandbox.hubspot.story import ms_text
from revops_pipelines.sandbox.world import marketing_shapes as shapes
from revops_pipelines.sandbox.world.marketing_shapes import Cost, Program

SITE = "https://www.northbeam.example"
# The company's own campaign property, beside HubSpot's.
CHANNEL_PROPERTY = "channel"
_BUDGET_STEP = 500


def second_text(second: int) -> str:
    """A second as `createdAt` and its like are written."""
    return ms_text(second * 1_000)


def _day(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).date().isoformat()


def budget_of(program: Program) -> int:
    """What was planned: all that it will cost, rounded up; nothing for what is free."""
    total = sum(cost.amount for cost in program.costs)
    return -(-total // _BUDGET_STEP) * _BUDGET_STEP


def _spent(program: Program, now: int) -> list[Cost]:
    return [cost for cost in program.costs if cost.seen_at <= now]


def campaign(program: Program, now: int, asked: Sequence[str]) -> dict[str, Any]:
    """A campaign with the properties asked for that it has, its name without any wish."""
    spent = _spent(program, now)
    status = "in_progress" if program.starts_at <= now else "planned"
    values = {
        "hs_object_id": str(program.program_id),
        "hs_name": program.name,
        "hs_start_date": _day(program.starts_at),
        "hs_end_date": _day(program.ends_at),
        "hs_campaign_status": "completed" if program.ends_at <= now else status,
        "hs_utm": utm_of(program.name),
        "hs_currency_code": "USD",
        "hs_budget_items_sum_amount": str(budget_of(program)),
        "hs_spend_items_sum_amount": str(sum(cost.amount for cost in spent)),
        CHANNEL_PROPERTY: program.channel,
    }
    updated = max([program.created_at, *(cost.seen_at for cost in spent)])
    return {
        "id": campaign_id(program.program_id),
        "properties": {name: values[name] for name in asked or ("hs_name",) if name in values},
        "businessUnits": [{"id": 0}],
        "createdAt": second_text(program.created_at),
        "updatedAt": second_text(updated),
    }


def money(program: Program, now: int) -> dict[str, Any]:
    """A campaign's budget and spend, item by item."""
    spent = _spent(program, now)
    total = budget_of(program)
    budget = [_item(program, 0, "Plan", total, program.created_at)] if total else []
    spend = [
        _item(program, order + 1, f"{cost.month:%Y-%m} {cost.note}", cost.amount, cost.seen_at)
        for order, cost in enumerate(spent)
    ]
    used = sum(cost.amount for cost in spent)
    return {
        "currencyCode": "USD",
        "budgetTotal": total,
        "spendTotal": used,
        "remainingBudget": total - used,
        "budgetItems": budget,
        "spendItems": [{**item, "order": order} for order, item in enumerate(spend)],
    }


def _item(program: Program, number: int, name: str, amount: int, at: int) -> dict[str, Any]:
    return {
        "id": str(program.program_id * 100 + number),
        "name": name,
        "amount": amount,
        "order": 0,
        "createdAt": at * 1_000,
        "updatedAt": at * 1_000,
    }


def email(mailing: Mailing, program: Program) -> dict[str, Any]:
    """A marketing e-mail without its statistics."""
    made, sent = second_text(mailing.first_sent_at - 3_600), second_text(mailing.first_sent_at)
    automated = program.kind == "nurture" or "Thank You" in mailing.name
    number = str(email_campaign_id(mailing.mailing_id))
    return {
        "id": email_id(mailing.mailing_id),
        "name": mailing.name,
        "subject": mailing.name.rsplit(".", 1)[0],
        "campaign": campaign_id(program.program_id),
        "campaignName": program.name,
        "campaignUtm": utm_of(program.name),
        "type": "AUTOMATED_EMAIL" if automated else "BATCH_EMAIL",
        "subcategory": "automated" if automated else "batch",
        "state": "AUTOMATED" if automated else "PUBLISHED",
        "isPublished": True,
        "isTransactional": False,
        "isAb": False,
        "archived": False,
        "sendOnPublish": True,
        "language": "en",
        "createdAt": made,
        "updatedAt": sent,
        "publishedAt": sent,
        "publishDate": sent,
        "emailTemplateMode": "DRAG_AND_DROP",
        "primaryEmailCampaignId": number,
        "allEmailCampaignIds": [number],
        "activeDomain": "www.northbeam.example",
        "content": {"templatePath": "@hubspot/email/dnd/welcome.html"},
        "from": {"fromName": "Northbeam", "replyTo": "news@northbeam.example"},
        "to": {"limitSendFrequency": False, "suppressGraymail": True},
        "testing": {"isAbVariation": False},
        "webversion": {"enabled": True},
    }


def statistics(counted: dict[str, int]) -> dict[str, Any]:
    """An e-mail's statistics from its counts."""
    delivered = counted["delivered"] or 1
    ratios = {
        f"{name}ratio": round(100 * counted[name] / delivered, 3)
        for name in ("open", "click", "unsubscribed", "bounce")
    }
    return {
        "counters": counted,
        "deviceBreakdown": {},
        "qualifierStats": {},
        "ratios": ratios,
    }


def form(name: str, made: str) -> dict[str, Any]:
    """A form's definition."""
    fields = [("email", "Email", True), ("firstname", "First name", False)]
    return {
        "formType": "hubspot",
        "id": form_id(name),
        "name": name,
        "createdAt": made,
        "updatedAt": made,
        "archived": False,
        "fieldGroups": [
            {
                "groupType": "default_group",
                "richTextType": "text",
                "fields": [_field(*field)],
            }
            for field in fields
        ],
        "configuration": {
            "language": "en",
            "cloneable": True,
            "postSubmitAction": {"type": "thank_you", "value": "Thank you."},
            "editable": True,
            "archivable": True,
            "recaptchaEnabled": False,
            "notifyContactOwner": False,
            "notifyRecipients": [],
            "createNewContactForNewEmail": False,
            "prePopulateKnownValues": True,
            "allowLinkToResetKnownValues": False,
            "lifecycleStages": [],
        },
        "displayOptions": _DISPLAY,
        "legalConsentOptions": {"type": "none"},
    }


_DISPLAY = {
    "renderRawHtml": False,
    "theme": "default_style",
    "submitButtonText": "Submit",
    "style": {
        "fontFamily": "arial, helvetica, sans-serif",
        "backgroundWidth": "100%",
        "labelTextColor": "#33475b",
        "labelTextSize": "13px",
        "helpTextColor": "#7C98B6",
        "helpTextSize": "11px",
        "legalConsentTextColor": "#33475b",
        "legalConsentTextSize": "14px",
        "submitColor": "#ff7a59",
        "submitAlignment": "left",
        "submitFontColor": "#ffffff",
        "submitSize": "12px",
    },
    "cssClass": "hs-form stacked",
}


def _field(name: str, label: str, required: bool) -> dict[str, Any]:
    field: dict[str, Any] = {
        "objectTypeId": "0-1",
        "name": name,
        "label": label,
        "required": required,
        "hidden": False,
        "dependentFields": [],
        "fieldType": "email" if name == "email" else "single_line_text",
    }
    if name == "email":
        field["validation"] = {"blockedEmailDomains": [], "useDefaultBlockList": False}
    return field


def submission(each: Submission) -> dict[str, Any]:
    """A form filled in; the page's address says which campaign led there."""
    values = {"email": each.email, "firstname": each.first_name, "lastname": each.last_name}
    return {
        "conversionId": conversion_id(each.activity.guid),
        "submittedAt": each.activity.at * 1_000,
        "values": [
            {"name": name, "value": value, "objectTypeId": "0-1"} for name, value in values.items()
        ],
        "pageUrl": f"{SITE}/lp?utm_source=x&utm_campaign={utm_of(each.program.name)}",
    }


def event(each: Event) -> dict[str, Any]:
    """An e-mail event; what a filter takes for a machine's says `filteredEvent`."""
    activity = each.activity
    record: dict[str, Any] = {
        "appId": 113,
        "appName": "Batch",
        "created": activity.at * 1_000,
        "emailCampaignId": email_campaign_id(int(activity.value_id or 0)),
        "id": event_id(activity.guid),
        "portalId": PORTAL_ID,
        "recipient": each.email,
        "type": each.type,
    }
    if each.sent is not None:
        record["sentBy"] = {"id": event_id(each.sent.guid), "created": each.sent.at * 1_000}
    if each.type in ("OPEN", "CLICK"):
        record["filteredEvent"] = activity.details[0] is True
        record["deviceType"] = "MOBILE" if activity.details[3] else "COMPUTER"
    if each.type == "CLICK":
        record["url"] = activity.details[5]
    if each.type == "BOUNCE":
        hard = activity.type_id == shapes.BOUNCED
        record["category"] = "UNKNOWN_USER" if hard else "MAILBOX_FULL"
        record["response"] = activity.details[1]
    if each.type == "STATUSCHANGE":
        record["source"] = "SOURCE_RECIPIENT"
        record["portalSubscriptionStatus"] = "UNSUBSCRIBED"
        record["requestedBy"] = each.email
        record["subscriptions"] = [{"id": 1, "status": "UNSUBSCRIBED"}]
    return record
