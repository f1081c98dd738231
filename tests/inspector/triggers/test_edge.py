"""Tests when the bit of a PLC is a trigger."""

import pytest

from inspector.triggers.modbus import RisingEdge


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ("0011001", [2, 6]),
        ("1101", [3]),  # the first value may have been set long ago
        ("01010", [1, 3]),
        ("1111", []),
    ],
)
def test_a_change_from_0_is_a_trigger(values: str, edges: list[int]) -> None:
    edge = RisingEdge(max_gap_s=0.25)
    is_edge = [edge.add(0.02 * number, value == "1") for number, value in enumerate(values)]
    assert [number for number, value in enumerate(is_edge) if value] == edges


def test_a_trigger_that_was_set_at_an_unknown_time_does_not_count() -> None:
    edge = RisingEdge(max_gap_s=0.25)
    edge.add(0.0, False)
    assert not edge.add(1.0, True)
    assert edge.missed
    assert not edge.add(1.02, True)
    assert not edge.missed
    edge.add(1.04, False)
    assert edge.add(1.06, True)
