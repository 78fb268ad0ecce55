"""Which sales region a country lies in, where the source does not say.

Belongs here: the usual four regions of B2B reporting. Does not: territories (a source's own).
"""

from __future__ import annotations

_REGIONS = {
    "North America": "US CA",
    "Latin America": "AR BO BR CL CO CR DO EC GT HN MX NI PA PE PR PY SV UY VE",
    "Asia Pacific": ("AU BD CN HK ID IN JP KH KR LA LK MM MN MO MY NP NZ PH PK SG TH TW VN"),
    "Europe, Middle East and Africa": (
        "AD AE AL AM AT AZ BA BE BG BH BY CH CI CM CY CZ DE DK DZ EE EG ES ET FI FR GB GE GH GI GR "
        "HR HU IE IL IM IQ IS IT JE JO KE KW KZ LB LI LT LU LV MA MC MD ME MK MT MU NG NL NO OM PL "
        "PT QA RO RS RU RW SA SE SI SK SN TN TR TZ UA UG UZ XK ZA ZM ZW"
    ),
}


def region_of(expression: str) -> str:
    """SQL for the region of a two-letter country code; null for an unknown one."""
    arms = " ".join(
        f"WHEN upper({expression}) IN ({', '.join(repr(code) for code in codes.split())}) "
        f"THEN '{region}'"
        for region, codes in _REGIONS.items()
    )
    return f"CASE {arms} END"
