"""Peak speed of graphics cards."""

import pytest

from engines.backends.card import Card
from engines.cost import Cost

COST = Cost({"float32": 2_000_000, "float16": 8_000_000}, constant_bytes=500, picture_bytes=50)


@pytest.mark.parametrize(
    ("capability", "multiprocessors", "clock_hz", "float32", "float16"),
    [
        pytest.param((7, 5), 40, 1.59e9, 8.1, 65, id="T4"),
        pytest.param((8, 0), 108, 1.41e9, 19.5, 312, id="A100"),
        pytest.param((8, 6), 72, 1.695e9, 31.2, 125, id="A10"),
        pytest.param((8, 7), 16, 1.3e9, 5.3, 42.5, id="Jetson AGX Orin"),
        pytest.param((8, 9), 128, 2.52e9, 82.6, 330.3, id="RTX 4090"),
        pytest.param((9, 0), 132, 1.83e9, None, 989.4, id="H100 SXM, tensor cores"),
        pytest.param((9, 0), 132, 1.98e9, 66.9, None, id="H100 SXM"),
        pytest.param((12, 0), 170, 2.407e9, 104.8, 419, id="RTX 5090"),
    ],
)
def test_peaks_match_the_data_sheets(capability, multiprocessors, clock_hz, float32, float16):
    """TFLOP/s on dense matrices. The H100 runs its tensor cores at a lower clock."""
    card = Card(capability, multiprocessors, clock_hz, 0.0)
    for precision, stated in (("float32", float32), ("float16", float16)):
        if stated is not None:
            assert card.flop_per_s(precision) == pytest.approx(stated * 1e12, rel=0.015)


def card(bytes_per_s: float) -> Card:
    """A card that needs 2 ms for COST: 1 ms for float32 and 1 ms for float16."""
    return Card((8, 9), 1, 2_000_000_000 / 256, bytes_per_s)


def test_the_slower_of_arithmetic_and_memory_is_the_limit():
    assert card(1e12).least_ms(COST, 1) == pytest.approx(2.0)
    assert card(1e12).least_ms(COST, 8) == pytest.approx(16.0)
    assert card(1000.0).least_ms(COST, 1) == pytest.approx(550.0)
    # Constants are read only once for all pictures.
    assert card(1000.0).least_ms(COST, 8) == pytest.approx(900.0)


def test_an_unknown_card_has_no_limit():
    assert Card((5, 0), 1, 1e9, 1e9).least_ms(COST, 1) is None
    assert card(0.0).least_ms(COST, 1) is None


def test_a_card_with_an_unknown_clock_has_no_limit():
    silent = Card((8, 9), 128, 0.0, 1e12)
    assert silent.flop_per_s("float32") is None
    assert silent.least_ms(COST, 1) is None
