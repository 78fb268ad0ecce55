"""Mail domains that belong to nobody in particular, so that they never identify a company.

Belongs here: the list and the SQL that reads a domain from an address or a web site. Does not:
what is matched on it.
"""

from __future__ import annotations

from collections.abc import Iterable

GENERIC_DOMAINS = (
    "126.com 163.com aol.com bigpond.com bluewin.ch comcast.net fastmail.com free.fr freenet.de "
    "gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk "
    "hotmail.com hotmail.fr icloud.com laposte.net libero.it live.com mac.com mail.com mail.ru "
    "me.com msn.com naver.com orange.fr outlook.com outlook.de pm.me proton.me protonmail.com "
    "qq.com rediffmail.com rocketmail.com sbcglobal.net t-online.de tutanota.com uol.com.br "
    "verizon.net wanadoo.fr web.de yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de "
    "yahoo.fr yandex.com yandex.ru ymail.com zoho.com"
).split()


def domain_of(expression: str) -> str:
    """SQL for the domain of a web site or an address: lower case, no scheme, path or www."""
    bare = f"regexp_replace(lower(trim({expression})), '^(https?://)?(www\\.)?', '')"
    return f"nullif(split_part(regexp_replace({bare}, '^.*@', ''), '/', 1), '')"


def is_specific(expression: str, more_generic: Iterable[str]) -> str:
    """SQL that is true where the domain can identify a company."""
    listed = ", ".join("'" + d.replace("'", "''") + "'" for d in (*GENERIC_DOMAINS, *more_generic))
    return f"({expression} IS NOT NULL AND {expression} NOT IN ({listed}))"


def mailbox_of(expression: str) -> str:
    """SQL for the mailbox an address delivers to: lower case, without a +tag.

    `Jane+trial@Example.com` and `jane@example.com` are one person (RFC 5233 sub-addressing).
    """
    return f"nullif(regexp_replace(lower(trim({expression})), '\\+[^@]*@', '@'), '')"
