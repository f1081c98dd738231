"""Tests that kill -9 loses no record of a queued output."""

from pathlib import Path

from killed_runs import kill_runs


def test_a_kill_loses_no_record_that_was_handed_over(tmp_path: Path) -> None:
    result = kill_runs(tmp_path, kills=10, seed=1)
    assert result.missing == 0
    assert result.out_of_order == 0
    assert result.handed_over > 100
    assert 0 < result.most_waiting < result.handed_over, "delivery went on between the kills"
