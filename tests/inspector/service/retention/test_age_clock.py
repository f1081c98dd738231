"""Tests that the age of runs does not follow jumps of the wall clock."""

from pathlib import Path

import pytest
from loguru import logger

from inspector.service.retention.age_clock import AgeClock, Moment

DAY = 86_400.0
START = Moment(1e9, 5_000.0)


def started(path: Path, now: Moment = START, gap_s: float | None = DAY) -> AgeClock:
    clock = AgeClock(path / "ages.json", gap_s)
    clock.advance(now)
    return clock


def see(clock: AgeClock, **ended: float) -> None:
    clock.see(ended, set(ended))


def test_ages_follow_the_monotonic_clock(tmp_path: Path) -> None:
    clock = started(tmp_path)
    see(clock, a=START.wall_s)
    jumps = (-400 * DAY, 4000 * DAY, 0.0)
    for day, jump in enumerate(jumps, 1):
        clock.advance(Moment(START.wall_s + day * DAY + jump, START.monotonic_s + day * DAY))
        see(clock, a=START.wall_s)
        assert clock.age_days("a") == pytest.approx(day)


def test_runs_of_an_archive_have_the_age_of_the_wall_clock(tmp_path: Path) -> None:
    clock = started(tmp_path)
    see(clock, old=START.wall_s - 9 * DAY, new=START.wall_s - DAY, future=START.wall_s + 5 * DAY)
    ages = {name: clock.age_days(name) for name in ("old", "new", "future")}
    assert ages == pytest.approx({"old": 9, "new": 1, "future": 0})
    assert [clock.order(name) for name in ("old", "new", "future")] == [1, 2, 3]


def test_a_later_run_is_not_older_than_the_last_call(tmp_path: Path) -> None:
    """Its log seems to be 30 days old, because the clock has jumped forward since."""
    clock = started(tmp_path)
    see(clock, a=START.wall_s)
    clock.advance(Moment(START.wall_s + 30 * DAY, START.monotonic_s + 60))
    see(clock, a=START.wall_s, b=START.wall_s)
    assert clock.age_days("b") == pytest.approx(60 / DAY)
    assert clock.order("b") > clock.order("a")
    clock.advance(Moment(START.wall_s - 30 * DAY, START.monotonic_s + 120))
    see(clock, a=START.wall_s, b=START.wall_s, c=START.wall_s - 31 * DAY)
    assert clock.order("c") > clock.order("b")


@pytest.mark.parametrize(
    ("gap_s", "off_days", "counted"),
    [(DAY, 0.5, 0.5), (DAY, 5000, 1), (DAY, -3, 0), (None, 5000, 5000)],
)
def test_time_without_the_program_is_limited(
    tmp_path: Path, gap_s: float | None, off_days: float, counted: float
) -> None:
    clock = started(tmp_path)
    see(clock, a=START.wall_s)
    clock.save()
    again = started(tmp_path, Moment(START.wall_s + off_days * DAY, 3.0), gap_s)
    see(again, a=START.wall_s)
    assert again.age_days("a") == pytest.approx(counted)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"ended": {"a": [1]}}', b"\xff", b"{"])
def test_a_damaged_file_is_a_warning(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ages.json").write_bytes(content)
    lines: list[str] = []
    number = logger.add(lines.append, format="{message}")
    clock = started(tmp_path)
    logger.remove(number)
    assert "ages follow the wall clock" in lines[0]
    see(clock, a=START.wall_s - 2 * DAY)
    assert clock.age_days("a") == pytest.approx(2)


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    clock = AgeClock(tmp_path / "file" / "ages.json", DAY)
    (tmp_path / "file").write_text("")
    clock.advance(START)
    see(clock)
    lines: list[str] = []
    number = logger.add(lines.append, format="{message}")
    clock.save()
    logger.remove(number)
    assert "cannot be written" in lines[0]
