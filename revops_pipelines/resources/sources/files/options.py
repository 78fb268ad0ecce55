"""What `[sources.files]` in revops.toml may say: the folder, and how its files become entities.

Belongs here: options and the rules they keep by themselves. Does not: looking into the folder
(`folder.py`) or fitting files to contracts (`plan.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.declarations import SourceOptions
from revops_pipelines.engine.plugin_tables import nearest

EXPANDABLE = "subscription_periods"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expansion(_Table):
    """How a plain list of subscriptions becomes the ledger: which of its columns say what."""

    start: str = Field(description="Column of the first day.")
    end: str = Field(description="Column of the first day after; empty while it runs.")
    end_is_last_day: bool = Field(False, description="`end` is the last day, not the one after.")
    monthly_amount: str | None = Field(None, description="Column of the worth of a month.")
    annual_amount: str | None = Field(None, description="Column of the worth of a year.")
    is_trial: str | None = Field(None, description="Column that is true for a trial.")

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.monthly_amount is None) == (self.annual_amount is None):
            raise ValueError("name one of monthly_amount and annual_amount")
        return self


class EntityMapping(_Table):
    """How a file becomes an entity. Columns of the same name need no mention."""

    file: str | None = Field(None, description="File in the folder; default: named as the entity.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Contract column = column of the file."
    )
    constants: dict[str, str | int | bool] = Field(
        default_factory=dict, description="Contract column = one value for every row."
    )
    words: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Contract column = the file's words and what each becomes.",
    )
    formats: dict[str, str] = Field(
        default_factory=dict,
        description="Contract column = how the file writes its dates, as in strptime.",
    )
    ignore: tuple[str, ...] = Field(
        (), description="Columns of the file that are left out on purpose."
    )
    expand: Expansion | None = Field(
        None, description="Makes the ledger from a plain list of subscriptions."
    )


class FilesOptions(SourceOptions):
    """Options of a folder of files."""

    path: Path = Field(description="The folder; relative to revops.toml.")
    entities: dict[str, EntityMapping] = Field(
        default_factory=dict, description="What is not named as its contract says, by entity."
    )
    ignore: tuple[str, ...] = Field(
        (), description="Files of the folder that are left out on purpose, without ending."
    )

    @field_validator("path")
    @classmethod
    def _beside_the_configuration(cls, path: Path, info: ValidationInfo) -> Path:
        folder = (info.context or {}).get("folder")
        return (folder / path).resolve() if folder is not None else path

    @field_validator("entities")
    @classmethod
    def _known_entities(cls, entities: dict[str, EntityMapping]) -> dict[str, EntityMapping]:
        for name, mapping in entities.items():
            if name not in CONTRACTS:
                raise ValueError(f"no entity is called {name!r}; {nearest(name, CONTRACTS)}")
            if mapping.expand is not None and name != EXPANDABLE:
                raise ValueError(f"only {EXPANDABLE} can be expanded, not {name}")
        return entities
