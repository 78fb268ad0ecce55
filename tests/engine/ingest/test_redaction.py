"""Secrets are replaced by value, in any form, wherever they turn up."""

from __future__ import annotations

import base64
import gc
import logging
from urllib.parse import quote

import pytest

from revops_pipelines.engine.ingest.redaction import Redactor

SECRET = "k3y/with+odd=chars"


@pytest.mark.parametrize(
    "form",
    [SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), f"x{SECRET}y"],
)
def test_all_forms_are_hidden(form: str) -> None:
    text = Redactor([SECRET]).text(f"before {form} after")
    assert "***" in text
    assert form not in text


def test_short_values_are_left_alone() -> None:
    assert Redactor(["a", ""]).text("banana") == "banana"


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert Redactor(["abcdef", "abcdef-long"]).text("abcdef-long") == "***"


def test_errors_are_scrubbed_along_their_chain() -> None:
    redactor = Redactor([SECRET])
    try:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as inner:
            raise RuntimeError(f"outer {SECRET}", 5) from inner
    except RuntimeError as error:
        redactor.scrub(error)
        assert error.args == ("outer ***", 5)
        assert str(error.__cause__) == "inner ***"


def test_log_lines_are_clean_and_forgotten_redactors_do_not_linger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("urllib3.connectionpool")
    # HubSpot's client, in other tests, turns it down for the process.
    caplog.set_level(logging.DEBUG, logger="urllib3")
    redactor = Redactor([SECRET])
    logger.debug("asked for %s", SECRET)
    assert SECRET not in caplog.text
    assert "asked for ***" in caplog.text
    del redactor
    gc.collect()
    assert len(logger.filters) == 1


def test_the_repr_shows_nothing() -> None:
    assert SECRET not in repr(Redactor([SECRET]))
