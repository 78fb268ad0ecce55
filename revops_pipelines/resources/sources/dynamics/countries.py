"""Countries by their English names: Dynamics keeps them as free text.

Belongs here: the list and the SQL that reads it. Does not: regions.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES = {
    "AE": "united arab emirates|uae",
    "AR": "argentina",
    "AT": "austria",
    "AU": "australia",
    "BE": "belgium",
    "BG": "bulgaria",
    "BR": "brazil",
    "CA": "canada",
    "CH": "switzerland",
    "CL": "chile",
    "CN": "china|people's republic of china",
    "CO": "colombia",
    "CR": "costa rica",
    "CY": "cyprus",
    "CZ": "czech republic|czechia",
    "DE": "germany",
    "DK": "denmark",
    "EE": "estonia",
    "EG": "egypt",
    "ES": "spain",
    "FI": "finland",
    "FR": "france",
    "GB": "united kingdom|uk|great britain|england|scotland|wales|northern ireland",
    "GR": "greece",
    "HK": "hong kong",
    "HR": "croatia",
    "HU": "hungary",
    "ID": "indonesia",
    "IE": "ireland",
    "IL": "israel",
    "IN": "india",
    "IS": "iceland",
    "IT": "italy",
    "JP": "japan",
    "KE": "kenya",
    "KR": "south korea|korea|republic of korea",
    "LT": "lithuania",
    "LU": "luxembourg",
    "LV": "latvia",
    "MA": "morocco",
    "MT": "malta",
    "MX": "mexico",
    "MY": "malaysia",
    "NG": "nigeria",
    "NL": "netherlands|the netherlands|holland",
    "NO": "norway",
    "NZ": "new zealand",
    "PE": "peru",
    "PH": "philippines",
    "PK": "pakistan",
    "PL": "poland",
    "PT": "portugal",
    "QA": "qatar",
    "RO": "romania",
    "RS": "serbia",
    "SA": "saudi arabia",
    "SE": "sweden",
    "SG": "singapore",
    "SI": "slovenia",
    "SK": "slovakia",
    "TH": "thailand",
    "TR": "turkey|türkiye|turkiye",
    "TW": "taiwan",
    "UA": "ukraine",
    "US": "united states|united states of america|usa|u.s.|u.s.a.|america",
    "UY": "uruguay",
    "VN": "vietnam",
    "ZA": "south africa",
}


def country_of(column: str, more: Mapping[str, str]) -> str:
    """SQL for the two-letter code of a country that somebody typed; null for an unknown one."""
    known = {name: code for code, names in NAMES.items() for name in names.split("|")}
    known |= {name.lower(): code.upper() for name, code in more.items()}
    arms = " ".join(f"WHEN {_quoted(name)} THEN {_quoted(code)}" for name, code in known.items())
    typed = f"lower(trim({column}))"
    return f"CASE {typed} {arms} ELSE CASE WHEN length({typed}) = 2 THEN upper({typed}) END END"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
