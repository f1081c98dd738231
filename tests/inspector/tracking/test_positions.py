"""Tests of positions over time: interpolation, gaps, jumps, speeds."""

import pytest

from inspector.tracking.positions import Positions


def make(*samples: tuple[float, float], max_age_s: float = 0.5) -> Positions:
    positions = Positions(max_age_s=max_age_s, max_speed=1000.0)
    for time_s, position in samples:
        positions.add(time_s, position)
    return positions


def steady(count: int = 20, *, speed: float = 100.0, step_s: float = 0.1) -> Positions:
    return make(*((10 + n * step_s, n * step_s * speed) for n in range(count)))


@pytest.mark.parametrize("time_s", [10.0, 10.05, 10.1, 11.234])
def test_a_position_between_two_values_is_interpolated(time_s: float) -> None:
    place = steady().at(time_s)
    assert place is not None
    assert place.position == pytest.approx((time_s - 10) * 100)
    assert place.speed == pytest.approx(100)
    assert place.ahead_s == 0


def test_before_the_first_value_nothing_is_known() -> None:
    assert steady().at(9.99) is None
    assert make().at(1.0) is None
    assert make((10, 0)).at(10.2) is None


def test_a_position_continues_for_the_stated_age_only() -> None:
    positions = steady()  # the newest value is at 11.9 s
    place = positions.at(12.3)
    assert place is not None
    assert place.position == pytest.approx(230)
    assert place.ahead_s == pytest.approx(0.4)
    assert positions.at(12.41) is None


def test_inside_a_longer_gap_nothing_is_known() -> None:
    positions = make((10, 0), (10.1, 10), (11, 100), (11.1, 110))
    assert positions.at(10.5) is None
    place = positions.at(11.05)
    assert place is not None
    assert place.position == pytest.approx(105)
    assert place.segment == 0


@pytest.mark.parametrize("jump", [1e9, -1e9, 5000.0])
def test_an_impossible_jump_begins_a_new_segment(jump: float) -> None:
    positions = make((10, 0), (10.1, 10), (10.2, 20 + jump), (10.3, 30 + jump))
    assert positions.at(10.15) is None
    before, after = positions.at(10.05), positions.at(10.25)
    assert before is not None
    assert after is not None
    assert before.segment != after.segment


@pytest.mark.parametrize(("position", "continues"), [(0.0, False), (100.0, True), (300.0, True)])
def test_a_counter_may_have_been_reset_in_a_gap(position: float, continues: bool) -> None:
    positions = make((10, 90), (10.1, 100), (12, position), (12.1, position + 10))
    place = positions.at(12.05)
    assert place is not None
    assert (place.segment == 0) is continues


def test_values_in_a_burst_give_no_speed() -> None:
    positions = make((10, 0), (10.1, 10))
    for n in range(30):
        positions.add(13 + n * 1e-4, 20.0 + 10 * n)
    assert positions.at(13.05) is None
    for n in range(10):
        positions.add(13.1 + n / 10, 320 + 10 * n)
    for time_s in (13.15, 13.5):
        place = positions.at(time_s)
        assert place is not None
        assert (place.segment, place.speed) == (0, pytest.approx(100, rel=0.05))


def test_speeds_in_a_burst_begin_a_new_segment() -> None:
    positions = Positions(max_age_s=0.5, max_speed=1000.0)
    times = (10.0, 10.1, 13.0, 13.001, 13.002, 13.1, 13.2)
    for time_s in times:
        positions.add_speed(time_s, 100.0)
    before, after = positions.at(10.05), positions.at(13.15)
    assert before is not None
    assert after is not None
    assert after.segment > before.segment


def test_a_value_at_the_same_time_or_earlier_is_ignored() -> None:
    positions = make((10, 0), (10.1, 10), (10.1, 500), (10.05, 700), (10.2, 20))
    place = positions.at(10.15)
    assert place is not None
    assert place.position == pytest.approx(15)


def test_speeds_add_up_to_positions() -> None:
    positions = Positions(max_age_s=0.5, max_speed=1000.0)
    for n in range(11):
        positions.add_speed(10 + n * 0.1, 100.0 + n * 10)
    start, end = positions.at(10.0), positions.at(11.0)
    assert start is not None
    assert end is not None
    assert end.position - start.position == pytest.approx(150)
    positions.add_speed(13.0, 100.0)
    positions.add_speed(13.1, 100.0)
    later = positions.at(13.05)
    assert later is not None
    assert later.segment != end.segment


def test_an_impossible_speed_is_ignored() -> None:
    positions = Positions(max_age_s=0.5, max_speed=1000.0)
    for n in range(6):
        positions.add_speed(10 + n * 0.1, 1e7 if n == 3 else 100.0)
    assert positions.at(10.25) is None
    place = positions.at(10.45)
    assert place is not None
    assert place.speed == pytest.approx(100)


def test_old_values_are_forgotten() -> None:
    positions = steady(2000)
    assert len(positions._samples) <= 602
