"""`revops config`: the template and the JSON Schema of revops.toml, made from the settings.

Belongs here: writing both from the models' own descriptions. Does not: the settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.engine.plugin_tables import SCHEDULE, SOURCES, PluginKind
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.settings import SECTIONS
from revops_pipelines.settings_calendars import BusinessCalendar
from revops_pipelines.settings_tables import Document

SCHEMA_FILE = "docs/revops.schema.json"

_HEAD = f"""\
#:schema {SCHEMA_FILE}
# revops_pipelines: every setting with its default. Uncomment what you change.
#
# Secrets are never written here: each source and channel names the environment variables that hold
# them. With no [sources.*] here and no credentials in the environment, the sandbox runs; as soon as
# one [sources.*] is configured, only the configured ones run.
#
# REVOPS_CONFIG names another file than this, REVOPS_HOME the folder of all state (.revops).
"""
_SECTION_HEADS = {
    "sources": "Systems to pull. `kind` is the plug-in, by default the table's own name; "
    "`schedule` (cron, UTC) pulls it between the nights as well.",
    "channels": "Ways of reaching people. Without any, alerts go to the local inbox.",
    "rules": 'Alert rules. All are on with these defaults. [rules.NAME] with kind = "threshold" is '
    "a limit of your own on any metric.",
}

# Examples: the names are of sources and people that only the reader has.
_EXAMPLES = {
    "precedence": (
        "#   [precedence.accounts]",
        '#   order = ["new_crm", "old_crm"]',
        '#   fields = { industry = ["old_crm"] }',
        "",
    ),
    "people": (
        '#   [people."ana@example.com"]',
        '#   name = "Ana Diaz"',
        '#   absent = ["2026-07-01/2026-07-14"]',
        '#   quiet_hours = { starts = "19:00", ends = "08:00", time_zone = "Europe/Madrid" }',
        '#   calendar = { time_zone = "Europe/Madrid", opens = "08:00", closes = "15:00" }',
        "",
    ),
    "teams": (
        '#   [teams."Inside Sales"]',
        '#   lead = "tom@example.com"',
        "",
    ),
}


def template() -> str:
    """A revops.toml in which every key stands, commented out, with meaning and default."""
    lines = [_HEAD]
    for name, field in Document.model_fields.items():
        if name == "targets":
            lines += ["[targets]", f"# {field.description}", "# net_revenue_retention = 1.02", ""]
        elif name in _EXAMPLES:
            lines += [f"# {field.description}", *_EXAMPLES[name]]
        elif name == "calendars":
            lines += [f"# {field.description}", *_table("calendars.default", BusinessCalendar)]
        else:
            model = field.annotation
            if isinstance(model, type) and issubclass(model, BaseModel):
                lines += _table(name, model)
    for section, kinds in plugin_kinds().items():
        lines += ["# " + "-" * 98, f"# {_SECTION_HEADS[section]}", ""]
        for name, kind in kinds.items():
            lines += _plugin(f"{section}.{name}", kind)
    return "\n".join(lines).rstrip() + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of revops.toml."""
    whole = Document.model_json_schema()
    whole["title"] = "revops.toml"
    definitions = whole.setdefault("$defs", {})
    for section, kinds in plugin_kinds().items():
        tables = {}
        for name, kind in kinds.items():
            own = kind.options.model_json_schema()
            definitions.update(own.pop("$defs", {}))
            own["properties"]["kind"] = {"type": "string", "enum": sorted(kinds)}
            if section == SOURCES:
                own["properties"][SCHEDULE] = {
                    "type": "string",
                    "description": "Pulled between the nights as well: cron with five fields, UTC.",
                }
            for argument, variable in kind.secrets.items():
                own["properties"][f"{argument}_env"] = {
                    "type": "string",
                    "default": variable,
                    "description": "Environment variable that holds it.",
                }
            tables[name] = own
        whole["properties"][section] = {
            "type": "object",
            "description": _SECTION_HEADS[section],
            "properties": tables,
            "additionalProperties": {"type": "object", "required": ["kind"]},
        }
    return whole


def in_force() -> dict[str, Any]:
    """The settings in force as plain values; secrets appear as the names of their variables."""
    settings = settings_or_fail()
    shown: dict[str, Any] = {
        "file": str(settings.path) if settings.path else None,
        "home": str(settings.home),
    }
    for name in Document.model_fields:
        value = getattr(settings, name)
        shown[name] = _plain(value)
    for section in SECTIONS:
        tables = getattr(settings, section)
        shown[section] = {
            name: {"kind": table.kind, "secrets": dict(table.secrets), **_plain(table.options)}
            for name, table in tables.items()
        }
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _plugin(name: str, kind: PluginKind) -> Iterator[str]:
    yield f"# [{name}]"
    for argument, variable in kind.secrets.items():
        yield f"# {argument}_env = {json.dumps(variable)}"
    yield from _keys(kind.options)
    yield ""


def _table(name: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"[{name}]"
    yield from _keys(model)
    yield ""


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        if field.description:
            yield f"# {field.description}"
        yield f"# {key} = {_default(field)}"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "<not set>"
    return _toml(value)


def _toml(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(key))} = {_toml(each)}" for key, each in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(str(value))
