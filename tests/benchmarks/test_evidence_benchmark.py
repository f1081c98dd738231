"""Tests that the benchmark of the evidence finds every change that docs/evidence.md claims."""

from pathlib import Path

from benchmarks.evidence import CASES, count_changes, time_verify


def test_every_kind_of_change_is_found_and_named(tmp_path: Path) -> None:
    figures = count_changes(tmp_path, 3 * len(CASES), seed=2)
    assert figures["total"] > 2.5 * len(CASES)
    assert set(figures["missed"].values()) == {0}
    for name, row in figures["rows"].items():
        if CASES[name].names:
            assert row["kind is right"] == row["changes"], name


def test_a_large_log_is_verified_in_little_time(tmp_path: Path) -> None:
    """1 GB takes less than 20 s of CPU time, and less than 40 s if a line was changed."""
    figures = time_verify(tmp_path / "large", megabytes=20)
    assert figures["whole_cpu_s"] < 0.4
    assert figures["changed_cpu_s"] < 0.8
