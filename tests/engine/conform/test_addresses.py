"""Addresses that nobody can be written to, whatever source they come from."""

from __future__ import annotations

import duckdb
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.conform.addresses import _is_plain, judge_addresses, reason_of

USABLE = """
jane.doe@firm.com
JANE.DOE@FIRM.COM
jane+trial@firm.co.uk
o'neil@firm.ie
jörg@müller.de
用户@例子.广告
jane@xn--mnchen-3ya.de
"jane doe"@firm.com
jane@[192.0.2.1]
jane@firm.example
jane@latest.io
""".split("\n")[1:-1]

IMPOSSIBLE = """
jane
@firm.com
jane@
jane@firm
jane@firm..com
jane@firm.com.
jane.@firm.com
.jane@firm.com
jane..doe@firm.com
jane doe@firm.com
jane@fi rm.com
jane@firm,com
jane@a@firm.com
jane@-firm.com
jane@a_b.com
jane@firm.123
mailto:jane@firm.com
Jane <jane@firm.com>
jane@printer.local
jane@site.onion
jane@xn--a.com
""".split("\n")[1:-1]

TESTS = """
jane@example.com
jane@mail.EXAMPLE.org
jane@example.net
jane@qa.test
jane@nowhere.invalid
root@localhost
""".split()


def verdicts(*addresses: str) -> dict[str, str]:
    """What is written of the addresses of some leads."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA conformed; CREATE SCHEMA ops")
    connection.execute("CREATE TABLE conformed.leads__records (email VARCHAR)")
    for address in (*addresses, None, "", "  "):
        connection.execute("INSERT INTO conformed.leads__records VALUES (?), (?)", [address] * 2)
    judge_addresses(connection)
    found = connection.execute("SELECT email, reason FROM ops.unusable_addresses").fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


def test_what_is_possible_is_left_alone() -> None:
    assert verdicts(*USABLE) == {}


def test_what_no_mailbox_can_be_called_is_invalid() -> None:
    assert verdicts(*IMPOSSIBLE) == dict.fromkeys(IMPOSSIBLE, "invalid_email")


def test_reserved_domains_are_tests() -> None:
    assert verdicts(*TESTS) == dict.fromkeys(TESTS, "test")


def test_spaces_around_an_address_are_no_fault_of_it() -> None:
    assert verdicts("  jane@firm.com ", " jörg@müller.de") == {}


def test_too_long_is_impossible() -> None:
    long = ["a" * 65 + "@firm.com", "jane@" + "b" * 64 + ".com", "jane@" + "abc." * 70 + "com"]
    assert set(verdicts(*long).values()) == {"invalid_email"}
    assert len(verdicts(*long)) == 3


CONNECTION = duckdb.connect()
SIGNS = st.text("aZ09.-_+'@ xnéö\"", min_size=1, max_size=24)


@settings(max_examples=300, deadline=None)
@given(st.one_of(SIGNS, st.builds("{}@{}.{}".format, SIGNS, SIGNS, st.sampled_from(["com", "io"]))))
def test_what_is_taken_for_plain_the_library_takes_too(address: str) -> None:
    row = CONNECTION.execute(
        f"SELECT {_is_plain('lower(trim(a))')} FROM (SELECT ? AS a)", [address]
    ).fetchone()
    assert row is not None
    if row[0]:
        assert reason_of(address) is None
        validate_email(address.strip(), check_deliverability=False)


@pytest.mark.parametrize("address", IMPOSSIBLE)
def test_the_library_refuses_the_same(address: str) -> None:
    with pytest.raises(EmailNotValidError):
        validate_email(address, check_deliverability=False)
