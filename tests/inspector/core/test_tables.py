"""Tests of the rows of CSV files."""

import csv
import io

import pytest

from inspector.core.tables import csv_row


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_text_that_begins_like_a_formula_gets_an_apostrophe(name: str) -> None:
    assert next(csv.reader(io.StringIO(csv_row([name, 1]), newline=""))) == [f"'{name}", "1"]


def test_numbers_and_other_text_stay_as_they_are() -> None:
    assert csv_row([-1.5, "a=b", None, 'say "x", y', ""]) == '-1.5,a=b,,"say ""x"", y",\r\n'
