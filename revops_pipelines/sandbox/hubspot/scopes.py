"""Which scope a call needs.

Belongs here: that one function. Does not: who has which (`app.py`).
"""

from __future__ import annotations

from revops_pipelines.sandbox.hubspot.properties import OBJECT_TYPES

# By the first words of a path; campaigns, e-mails and forms also with the version in between.
_MARKETING = {"campaigns": "marketing.campaigns.read", "emails": "content", "forms": "forms"}
_OWN = {
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    "line_items": "crm.objects.line_items.read",
    "goal_targets": "crm.objects.goals.read",
    "forecasts": "crm.objects.forecasts.read",
}


def scope_of(path: str) -> str | None:
    """The scope that a path needs, by the first type of record it names; None for open ones.

    >>> scope_of("/crm/objects/2026-09/deals/search"), scope_of("/crm/v3/owners/")
    ('crm.objects.deals.read', 'crm.objects.owners.read')
    >>> scope_of("/crm/objects/2026-09/emails"), scope_of("/marketing/v3/emails")
    ('sales-email-read', 'content')
    """
    parts = path.strip("/").split("/")
    if parts[0] == "marketing":
        return next((_MARKETING[part] for part in parts if part in _MARKETING), None)
    if parts[0] == "form-integrations":
        return "forms"
    if parts[0] == "email":
        return "content"
    if "lists" in parts:
        return "crm.lists.read"
    return _of_records(parts)


def _of_records(parts: list[str]) -> str | None:
    if "owners" in parts:
        return "crm.objects.owners.read"
    if "currencies" in parts:
        return "settings.currencies.read"
    if "emails" in parts:
        return "sales-email-read"
    for part in parts:
        if part in _OWN:
            return _OWN[part]
    # Engagements are read with the scope of contacts.
    return "crm.objects.contacts.read" if set(parts) & set(OBJECT_TYPES) else None
