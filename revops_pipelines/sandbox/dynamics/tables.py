"""The tables of the simulated environment: their columns, choices and switches.

Belongs here: definitions, as `EntityDefinitions` tells them. Does not: rows.

Columns with the prefix `new_` are the company's own: `new_origin` (leads: how they came),
`new_regioncode` (leads, contacts), `new_acceptedon` (contacts that never were leads: when sales
took them on), `new_customertier` (accounts), `new_pipeline`, `new_dealtype`, `new_termmonths`
(opportunities). Status reasons from 100000000 on are the company's own as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from revops_pipelines.sandbox.dynamics.shapes import Table
from revops_pipelines.sandbox.dynamics.tables_activities import ACTIVITIES
from revops_pipelines.sandbox.dynamics.tables_sales import SALES

TABLES: Mapping[str, Table] = {each.name: each for each in (*SALES, *ACTIVITIES)}
BY_SET: Mapping[str, Table] = {each.entity_set: each for each in TABLES.values()}
