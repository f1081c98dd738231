import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from inspector.sources.timeline import Timeline

TICK = Fraction(1, 1000)


def timeline() -> Timeline:
    return Timeline(TICK, Fraction(1, 25), "clip")


def test_rising_times_do_not_change():
    times = timeline()
    assert [times.seconds(pts) for pts in (-40, 7, 8, 1400)] == [-0.04, 0.007, 0.008, 1.4]


def test_a_missing_time_is_one_period_after_the_previous_time():
    times = timeline()
    assert [times.seconds(pts) for pts in (100, None, None, 200)] == [0.1, 0.14, 0.18, 0.2]


def test_a_file_without_times_begins_at_zero():
    times = timeline()
    assert [times.seconds(None) for _ in range(3)] == [0.0, 0.04, 0.08]


@given(st.lists(st.none() | st.integers(-1000, 1000)))
def test_time_always_rises(stamps):
    times = timeline()
    seconds = [times.seconds(pts) for pts in stamps]
    assert all(a < b for a, b in itertools.pairwise(seconds))
