"""Which views of a moving board are kept."""

import numpy as np
import pytest

from calibration.collecting import ViewCollector
from calibration.target import Board, BoardView

BOARD = Board("checkerboard", (5, 4), 10.0)
MARKS = np.array([(x, y) for y in range(3) for x in range(4)], np.float64)


def view(x: float, y: float, pitch: float = 50.0) -> BoardView:
    return BoardView("a", (720, 1280), MARKS * pitch + (x, y), MARKS)


def test_a_moving_board_is_not_kept_and_a_still_one_is_kept_once() -> None:
    collector = ViewCollector(BOARD)
    seen = [collector.see(view(10 * n, 100), n / 10) for n in range(5)]
    assert seen == [False] * 5
    assert collector.still_since() is None
    still = [collector.see(view(40 + 0.1 * n, 100), 1 + n / 10) for n in range(5)]
    assert still == [True, False, False, False, False]
    assert collector.still_since() == pytest.approx(1.0)
    collector.see(view(300, 100), 2.0)
    assert collector.still_since() is None
    assert len(collector.views) == 1


def test_another_size_or_place_is_another_view() -> None:
    collector = ViewCollector(BOARD)
    for number, place in enumerate(((0, 0, 50), (300, 0, 50), (300, 0, 80), (300, 0, 50))):
        for repeat in (0.0, 0.1):
            collector.see(view(*place), number + repeat)
    assert len(collector.views) == 3


def test_it_is_complete_when_the_frame_is_covered_in_enough_views() -> None:
    collector = ViewCollector(BOARD)
    assert collector.coverage == 0
    for number, (x, y) in enumerate((x, y) for y in (0, 240, 480) for x in (0, 320, 640, 960)):
        assert number >= 8 or not collector.complete
        for repeat in (0.0, 0.1):
            collector.see(view(x, y, 110.0), number + repeat)
    assert collector.coverage > 0.9
    assert collector.complete


def test_corners_on_a_line_are_no_view() -> None:
    collector = ViewCollector(BOARD)
    line = BoardView("a", (720, 1280), MARKS[:4] * 50, MARKS[:4])
    assert not any(collector.see(line, n / 10) for n in range(3))
