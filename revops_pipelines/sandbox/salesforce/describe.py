"""What the organisation says of its objects: `describe`, global and of one.

Belongs here: the schema as Salesforce spells it. Does not: the schema (`objects.py`).
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.salesforce.conditions import NOT_FILTERED, NUMBERS
from revops_pipelines.sandbox.salesforce.ids import PREFIXES
from revops_pipelines.sandbox.salesforce.objects import Field, SObject

COMPOUNDS = {"Name": ("FirstName", "LastName")}
# kind: (precision, scale)
PRECISIONS = {"currency": (18, 2), "percent": (3, 0), "double": (18, 6), "int": (8, 0)}
PICKLISTS = ("picklist", "combobox")
REQUIRED = ("Id", "LastName", "StageName", "CloseDate", "Company")


def describe_all(schema: dict[str, SObject], base: str) -> dict[str, Any]:
    """`/sobjects`."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [summary(sobject, base) for sobject in schema.values()],
    }


def summary(sobject: SObject, base: str) -> dict[str, Any]:
    """An object without its fields."""
    path = f"{base}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "createable": True,
        "custom": False,
        "customSetting": False,
        "deletable": True,
        "deprecatedAndHidden": False,
        "hasSubtypes": False,
        "isSubtype": False,
        "keyPrefix": PREFIXES[sobject.name],
        "label": sobject.name,
        "labelPlural": f"{sobject.name}s",
        "layoutable": True,
        "mergeable": sobject.name in ("Account", "Contact", "Lead"),
        "mruEnabled": False,
        "name": sobject.name,
        "queryable": True,
        "replicateable": sobject.is_replicated,
        "retrieveable": True,
        "searchable": True,
        "triggerable": True,
        "undeletable": True,
        "updateable": True,
        "urls": {
            "sobject": path,
            "describe": f"{path}/describe",
            "rowTemplate": f"{path}/{{ID}}",
        },
    }


def describe(sobject: SObject, base: str, record_types: list[dict[str, Any]]) -> dict[str, Any]:
    """`/sobjects/X/describe`."""
    return {
        **summary(sobject, base),
        "actionOverrides": [],
        "childRelationships": [],
        "compactLayoutable": True,
        "fields": [_field(field, sobject) for field in sobject.fields.values()],
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": record_types,
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }


def _field(field: Field, sobject: SObject) -> dict[str, Any]:
    precision, scale = PRECISIONS.get(field.kind, (0, 0))
    filtered = field.kind not in NOT_FILTERED
    return {
        "aggregatable": filtered,
        "autoNumber": False,
        "byteLength": field.length * 3 if field.kind not in ("id", "reference") else 18,
        "calculated": False,
        "calculatedFormula": None,
        "compoundFieldName": _compound(field, sobject),
        "createable": field.is_custom,
        "custom": field.is_custom,
        "defaultedOnCreate": field.kind == "boolean",
        "deprecatedAndHidden": False,
        "digits": 8 if field.kind == "int" else 0,
        "externalId": False,
        "filterable": filtered,
        "groupable": filtered and field.kind not in ("datetime", *NUMBERS),
        "idLookup": field.kind == "id",
        "inlineHelpText": None,
        "label": field.name.removesuffix("__c").replace("_", " "),
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": field.kind != "boolean" and field.name not in REQUIRED,
        "permissionable": field.is_custom,
        "picklistValues": [],
        "polymorphicForeignKey": len(field.to) > 1,
        "precision": precision,
        "queryByDistance": False,
        "referenceTo": list(field.to),
        "relationshipName": field.relationship,
        "restrictedPicklist": False,
        "scale": scale,
        "soapType": _soap_type(field),
        "sortable": filtered,
        "type": field.kind,
        "unique": False,
        "updateable": field.is_custom,
    }


def _compound(field: Field, sobject: SObject) -> str | None:
    """The field that shows this one together with others."""
    for compound, parts in COMPOUNDS.items():
        if field.name in parts and compound in sobject.fields:
            return compound
    for known in sobject.fields.values():
        place = known.name.removesuffix("Address")
        if known.kind == "address" and field.name in (f"{place}Country", f"{place}CountryCode"):
            return known.name
    return None


def _soap_type(field: Field) -> str:
    kinds = {
        "id": "tns:ID",
        "reference": "tns:ID",
        "boolean": "xsd:boolean",
        "int": "xsd:int",
        "double": "xsd:double",
        "currency": "xsd:double",
        "percent": "xsd:double",
        "date": "xsd:date",
        "datetime": "xsd:dateTime",
        "address": "urn:address",
    }
    return kinds.get(field.kind, "xsd:string")
