"""Tests that routine checks are due once for each time of their schedule, after any jump of the
wall clock."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from inspector.service.checks.options import FOLDER, CheckOptions
from inspector.service.checks.schedule import Schedule, make_schedule

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SIX = int(datetime(2026, 1, 31, 6, tzinfo=UTC).timestamp()) * 1000


class Clocks:
    """Walks through time. wall_ms can be set to any value; the monotonic time cannot."""

    def __init__(self, wall_ms: int) -> None:
        self.wall_ms, self.now_ns = wall_ms, 7_000

    def walk(self, schedule: Schedule, hours: float, step_min: int = 5) -> list[int]:
        """Does the check whenever it is due. Returns the times for which it was due."""
        done = []
        for _ in range(round(hours * 60 / step_min)):
            self.wall_ms += step_min * 60_000
            self.now_ns += step_min * 60_000_000_000
            if (due := schedule.due(self.wall_ms, self.now_ns)) is not None:
                done.append(due)
                schedule.done(self.wall_ms, self.now_ns)
        return done

    def make(self, last_ms: int | None, **schedule: object) -> Schedule:
        options = CheckOptions("c", FOLDER, folder="f", **schedule)  # type: ignore[arg-type]
        return make_schedule(options, last_ms, self.wall_ms, self.now_ns)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("schedule", [{"every_h": 8}, {"at": ("06:00Z", "14:00Z", "22:00Z")}])
def test_a_check_that_was_never_done_is_due_at_once_and_then_three_times_a_day(
    schedule: dict[str, object],
) -> None:
    clocks = Clocks(SIX + 60_000)
    check = clocks.make(None, **schedule)
    assert check.due(clocks.wall_ms, clocks.now_ns) is not None
    check.done(clocks.wall_ms, clocks.now_ns)
    assert len(clocks.walk(check, 24.1)) == 3


def test_a_check_without_a_schedule_is_never_due() -> None:
    clocks = Clocks(SIX)
    check = clocks.make(None)
    assert clocks.walk(check, 48) == []
    assert check.next(clocks.wall_ms, clocks.now_ns) is None


@pytest.mark.parametrize("jump_ms", [-30 * DAY_MS, -HOUR_MS, 60_000, HOUR_MS, 400 * DAY_MS])
def test_an_interval_does_not_see_the_wall_clock(jump_ms: int) -> None:
    clocks = Clocks(SIX)
    check = clocks.make(SIX - HOUR_MS, every_h=8)
    assert clocks.walk(check, 3) == []
    clocks.wall_ms += jump_ms
    assert clocks.walk(check, 3.5) == []
    assert len(clocks.walk(check, 1)) == 1
    assert clocks.walk(check, 7) == []


@pytest.mark.parametrize(("off_ms", "is_due"), [(HOUR_MS, False), (9 * HOUR_MS, True)])
def test_time_without_the_program_counts_for_an_interval(off_ms: int, is_due: bool) -> None:
    clocks = Clocks(SIX)
    check = clocks.make(SIX - off_ms, every_h=8)
    assert (check.due(clocks.wall_ms, clocks.now_ns) is not None) is is_due
    assert len(clocks.walk(check, 7.5)) == 1


def test_an_interval_is_due_if_the_last_check_is_in_the_future() -> None:
    clocks = Clocks(SIX)
    check = clocks.make(SIX + 5 * DAY_MS, every_h=8)
    assert len(clocks.walk(check, 1)) == 1


def test_times_that_passed_while_the_program_was_off_are_due_once() -> None:
    clocks = Clocks(SIX + 3 * DAY_MS + HOUR_MS)
    check = clocks.make(SIX, at=("06:00Z", "14:00Z"))
    assert clocks.walk(check, 6) == [SIX + 3 * DAY_MS]


def test_a_time_is_due_after_a_jump_over_it_and_not_again_after_the_jump_back() -> None:
    clocks = Clocks(SIX - HOUR_MS)
    check = clocks.make(SIX - 16 * HOUR_MS, at=("06:00Z", "14:00Z"))
    clocks.wall_ms += 2 * HOUR_MS
    assert clocks.walk(check, 0.5) == [SIX]
    clocks.wall_ms -= 2 * HOUR_MS
    assert clocks.walk(check, 3) == []
    assert clocks.walk(check, 8) == [SIX + 8 * HOUR_MS]


@pytest.mark.parametrize("days", [3, 4000])
def test_a_clock_that_was_far_in_the_future_does_not_silence_a_check(days: int) -> None:
    clocks = Clocks(SIX + days * DAY_MS)
    check = clocks.make(None, at=("06:00Z", "14:00Z"))
    clocks.walk(check, 0.5)
    clocks.wall_ms = SIX + HOUR_MS
    assert len(clocks.walk(check, 15)) == 0
    assert len(clocks.walk(check, 17)) >= 1
    assert len(clocks.walk(check, 48)) == 4

    restarted = Clocks(SIX + HOUR_MS)
    check = restarted.make(SIX + days * DAY_MS, at=("06:00Z", "14:00Z"))
    assert restarted.walk(check, 0.5) == [SIX]
    assert len(restarted.walk(check, 48)) == 4


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), 48), ((2026, 10, 25), 48), ((2026, 6, 1), 48)],
    ids=["spring", "autumn", "summer"],
)
def test_a_local_time_comes_once_a_day_also_when_the_clocks_change(
    day: tuple[int, int, int], hours: int
) -> None:
    midnight = int(datetime(*day).astimezone().timestamp()) * 1000
    clocks = Clocks(midnight)
    check = clocks.make(midnight - 1, at=("02:30",))
    times = [datetime.fromtimestamp(ms / 1000) for ms in clocks.walk(check, hours)]
    assert [t.day - day[2] for t in times] == [0, 1]
    assert times[1].strftime("%H:%M") == "02:30"


@pytest.mark.usefixtures("berlin")
def test_a_time_with_z_is_utc_and_one_without_is_local() -> None:
    noon = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()) * 1000
    for text, expected in (("18:00Z", 6 * HOUR_MS), ("18:00", 5 * HOUR_MS)):
        check = Clocks(noon).make(noon, at=(text,))
        assert check.next(noon, 7_000) == noon + expected
