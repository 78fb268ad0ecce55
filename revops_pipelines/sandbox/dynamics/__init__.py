"""The simulated Dynamics 365: a Dataverse environment, and the server that shows it."""

from __future__ import annotations

from revops_pipelines.sandbox.dynamics.access import CLIENT_ID, CLIENT_SECRET
from revops_pipelines.sandbox.dynamics.app import build_app
from revops_pipelines.sandbox.dynamics.ids import account_id
from revops_pipelines.sandbox.frame import Crm

__all__ = ["CRM", "KEYS", "build_app"]

# How billing names the account of a customer.
CRM = Crm("crm_account_id", account_id)
KEYS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
