"""Tests that a line which is killed goes on by itself with its next start."""

from pathlib import Path

from killed_lines import FPS, kill_lines


def test_a_line_that_is_killed_at_random_times_goes_on_by_itself(tmp_path: Path) -> None:
    result = kill_lines(tmp_path, kills=3, seed=29)
    assert result.runs > 1
    assert result.marked >= result.interruptions >= 1
    assert result.lost_video <= 1.2 * FPS + 1
