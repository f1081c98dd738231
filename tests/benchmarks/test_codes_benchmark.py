"""Tests the pictures of the benchmark of codes."""

import pytest

pytest.importorskip("zxingcpp", reason="needs the extra codes")

from benchmarks.codes import Conditions, measure


@pytest.mark.parametrize("code", ["DataMatrix", "QRCode"])
def test_usual_codes_are_read_and_hidden_ones_are_not(code: str) -> None:
    assert measure(code, Conditions(), 3)[:2] == (3, 0)
    assert measure(code, Conditions(contrast=0.0), 2)[:2] == (0, 0)


def test_a_surface_without_a_code_has_no_text() -> None:
    assert measure(None, Conditions(noise=30.0), 3)[:2] == (0, 0)
