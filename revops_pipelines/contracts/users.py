"""Our own people who own leads, accounts and deals."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Flag, Text
from revops_pipelines.contracts.contract import Contract, identity


class Users(Contract):
    """Our own people who own leads, accounts and deals."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "users"
        metadata: ClassVar[dict[str, Any]] = identity(("user_id",))

    user_id: Text = col.key("The user's identifier, `source:source_id`.")
    name: Text = col.text("Name.")
    email: Text = col.text("E-mail address, lower case.")
    team: Text = col.text("Primary team.")
    time_zone: Text = col.text("IANA time zone the person works in.")
    is_active: Flag = col.flag("False once the person has left.")
