"""Names that several objects show.

Belongs here: countries as the country picklist labels them. Does not: anything of one object.
"""

from __future__ import annotations

COUNTRY_NAMES = {
    "US": "United States",
    "CA": "Canada",
    "BR": "Brazil",
    "MX": "Mexico",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "DE": "Germany",
    "FR": "France",
    "NL": "Netherlands",
    "ES": "Spain",
    "JP": "Japan",
    "AU": "Australia",
    "IN": "India",
}
