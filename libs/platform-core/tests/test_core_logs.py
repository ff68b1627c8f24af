"""What a caller sent cannot begin a line of the log."""

import logging
import sys

import pytest

from platform_core.logs import OneLine

FORGED = "2026-01-05 12:00:00,000 INFO uvicorn: all is well"
BREAKS = ["\n", "\r", "\r\n", "\x1b[2K", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x00"]


def line(message: str, *arguments: object, failure: object = None) -> str:
    record = logging.LogRecord("gateway", logging.INFO, "", 1, message, arguments, failure)
    return OneLine().format(record)


@pytest.mark.parametrize("separator", BREAKS)
def test_a_message_is_one_line(separator: str):
    text = line("request to %s failed", f"/x{separator}{FORGED}")
    assert len(text.splitlines()) == 1
    assert text.isprintable()
    assert text.endswith("failed")


@pytest.mark.parametrize("separator", BREAKS)
def test_what_an_error_says_begins_no_line(separator: str):
    try:
        int(f"bad{separator}{FORGED}")
    except ValueError:
        text = line("failed", failure=sys.exc_info())
    first, *rest = text.splitlines()
    assert first.endswith("failed")
    assert all(part.startswith("\t") for part in rest)
    assert "ValueError: invalid literal" in text


def test_ordinary_text_stays_as_it_is():
    assert line("größe %s\tand 漢字", "ü").endswith("gateway: größe ü\tand 漢字")
