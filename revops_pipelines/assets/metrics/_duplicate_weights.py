"""What it is worth that two records agree or differ: a Fellegi-Sunter model in plain numbers.

Belongs here: comparisons, their levels with the probabilities m and u, the chance that two records
drawn blindly are one. Does not: blocks (`_duplicate_records`), fitting and scoring
(`_duplicate_pairs`).

m is how often two records of one thing agree so; u how often two records of different things do.
Their quotient is the weight of the evidence. The numbers below hold where there is too little to
learn from; see `_duplicate_fit` for what replaces them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

# One record in fifty has a double that nobody merged. Small tables are treated as if they held a
# hundred records, so that two of three records are not taken for one because there are but three.
DOUBLED_SHARE = 0.02
SMALLEST_TABLE = 100
# From so many records on, how common a value is is read from the table instead of assumed.
COUNTS_FROM = 50
# Strings with a Jaro-Winkler similarity from here on are alike: a letter or two differ.
ALIKE = 0.92
# A web domain seldom stands for two companies: one company in a hundred shares its own.
SHARED_DOMAIN = 0.01


@dataclass(frozen=True, slots=True)
class Level:
    """One way to agree: a condition on the columns `x_l` and `x_r`, and what it is worth.

    `words` tell it, `{}` standing for the similarity that `similarity` computes. `common` is a
    column whose frequency, where it is known, takes the place of u: a rare value says more.
    """

    condition: str
    words: str
    m: float
    u: float
    common: str = ""
    least_u: float = 0.0
    similarity: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Levels from the strongest to the weakest; the last one is everything else.

    It says nothing where `unknown` holds. `is_learnt` is false where the worth given here is that
    beside the other comparisons, which fitting one by one would count twice.
    """

    name: str
    unknown: str
    levels: tuple[Level, ...]
    is_learnt: bool = True


def _missing(*columns: str) -> str:
    return " OR ".join(f"{column}_{side} IS NULL" for column in columns for side in "lr")


def _same(column: str) -> str:
    return f"{column}_l = {column}_r"


def _alike(column: str) -> tuple[str, str]:
    similarity = f"jaro_winkler_similarity({column}_l, {column}_r)"
    return f"{similarity} >= {ALIKE}", similarity


_NAMES, _NAME_SIMILARITY = _alike("name_key")
_MAILBOXES, _MAILBOX_SIMILARITY = _alike("mailbox")
_ROOTS = _same("domain_root")

COUNTRY = Comparison(
    "country",
    _missing("country"),
    (
        Level(_same("country"), "same country", m=0.95, u=0.2, common="country"),
        Level("ELSE", "other country", m=0.05, u=0.8),
    ),
    is_learnt=False,
)

# Two addresses at two companies are two contacts, even of one person: the worth of `other company`
# outweighs every name. What the part of an address before the @ is worth is told beside an equal
# name, of which it is usually made.
OF_LEADS = (
    Comparison(
        "name",
        _missing("name_key"),
        (
            Level(_same("name_key"), "same name", 0.62, 1e-4, "name_key", 1e-6),
            Level(
                "surname_l = surname_r AND left(given_name_l, 1) = left(given_name_r, 1) "
                "AND (length(given_name_l) = 1 OR length(given_name_r) = 1)",
                "same surname and initial",
                0.06,
                2e-4,
            ),
            Level(_NAMES, "names alike ({})", 0.17, 4e-4, similarity=_NAME_SIMILARITY),
            Level("surname_l = surname_r", "same surname", 0.03, 5e-3),
            Level("ELSE", "other name", 0.12, 0.994),
        ),
    ),
    Comparison(
        "mailbox",
        _missing("mailbox"),
        (
            Level(
                f"{_same('mailbox')} AND NOT (coalesce(is_name_mailbox_l, false) "
                "AND coalesce(is_name_mailbox_r, false))",
                "same e-mail local part, not made of the name alone",
                0.2,
                1e-4,
            ),
            Level(_same("mailbox"), "same e-mail local part, made of the name", 0.3, 0.1),
            Level(
                _MAILBOXES,
                "e-mail local parts alike ({})",
                0.2,
                0.05,
                similarity=_MAILBOX_SIMILARITY,
            ),
            Level(
                "is_from_name_l AND is_from_name_r",
                "e-mail local parts made of the names",
                0.2,
                0.3,
            ),
            Level("ELSE", "other e-mail local part", 0.1, 0.55),
        ),
        is_learnt=False,
    ),
    Comparison(
        "company",
        _missing("company_key"),
        (
            Level(_same("company_key"), "same company", 0.9, 0.01, "company_key"),
            Level(_ROOTS, "company domains alike", 0.095, 1e-4),
            Level("ELSE", "other company", 0.005, 0.99),
        ),
        is_learnt=False,
    ),
    COUNTRY,
)

OF_ACCOUNTS = (
    Comparison(
        "name",
        _missing("name_key"),
        (
            Level(_same("name_key"), "same name", 0.7, 1e-5, "name_key", 1e-8),
            Level(_NAMES, "names alike ({})", 0.15, 2e-4, similarity=_NAME_SIMILARITY),
            Level("first_word_l = first_word_r", "same first word of the name", 0.08, 8e-3),
            Level("ELSE", "other name", 0.07, 0.99),
        ),
    ),
    Comparison(
        "domain",
        _missing("domain"),
        (
            Level(_same("domain"), "same web domain", 0.75, SHARED_DOMAIN),
            Level(_ROOTS, "web domains alike", 0.15, 5 * SHARED_DOMAIN),
            Level("ELSE", "other web domain", 0.1, 1.0),
        ),
        is_learnt=False,
    ),
    COUNTRY,
)

MODELS: Mapping[str, tuple[Comparison, ...]] = {"leads": OF_LEADS, "accounts": OF_ACCOUNTS}


def prior(records: int) -> float:
    """The chance that two records drawn blindly from so many are one."""
    return 2 * DOUBLED_SHARE / (max(records, SMALLEST_TABLE) - 1)


def model_of(
    entity: str, records: int, coincidence: Callable[[str], float | None]
) -> tuple[Comparison, ...]:
    """The comparisons of an entity, fitted to a table of so many records.

    `coincidence` tells how often two records of the table agree in a column by chance (the sum of
    the squared shares of its values), None where it is empty.
    """
    return tuple(
        replace(each, levels=_counted(each.levels, records, coincidence)) for each in MODELS[entity]
    )


def _counted(
    levels: tuple[Level, ...], records: int, coincidence: Callable[[str], float | None]
) -> tuple[Level, ...]:
    if levels[0].words == "same web domain":
        size = max(records, SMALLEST_TABLE)
        levels = (*(replace(level, u=level.u / size) for level in levels[:-1]), levels[-1])
    elif records < COUNTS_FROM:
        levels = tuple(replace(level, common="") for level in levels)
    elif levels[0].common in ("country", "company_key"):
        chance = coincidence(levels[0].common)
        if chance is not None:
            levels = (replace(levels[0], u=min(max(chance, 1e-9), 0.9)), *levels[1:])
    rest = 1 - sum(level.u for level in levels[:-1])
    return (*levels[:-1], replace(levels[-1], u=max(rest, 1e-3)))
