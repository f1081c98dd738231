"""Tests that kill -9 at any moment loses no inspection and stores none twice."""

from pathlib import Path

from killed_stores import kill_stores


def test_killed_programs_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    result = kill_stores(tmp_path, kills=4, seed=1)
    assert result.logged > 4
    assert result.stored == result.distinct == result.logged
    assert (result.wrong, result.ahead, result.changes_lost) == (0, 0, 0)
