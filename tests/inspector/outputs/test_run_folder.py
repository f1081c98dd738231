"""Tests of the new output folder for each run."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inspector.config import load_config
from inspector.core.errors import ConfigError
from inspector.core.records import new_run_id
from inspector.outputs import run_folder
from inspector.outputs.folder import check_folder
from inspector.outputs.run_folder import remove_empty, reserve_folder


def stop_clock(monkeypatch: pytest.MonkeyPatch, *moment: int) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(*moment, tzinfo=UTC)  # type: ignore[misc, arg-type]

    monkeypatch.setattr(run_folder, "datetime", Clock)


def test_a_plain_folder_stays_as_it_is(tmp_path: Path) -> None:
    assert reserve_folder(str(tmp_path / "run"), "id") == tmp_path / "run"
    assert not (tmp_path / "run").exists()


def test_date_time_and_run_id_are_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_clock(monkeypatch, 2026, 1, 31, 12, 0, 5)
    folder = reserve_folder(f"{tmp_path}/{{date}}/{{time}}-{{run_id}}", "abc")
    assert folder == tmp_path / "2026-01-31" / "12-00-05-abc"
    assert folder.is_dir()


def test_equal_times_get_different_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two starts in the same second, and a clock that went back."""
    stop_clock(monkeypatch, 2026, 1, 31, 12, 0, 5)
    first = reserve_folder(f"{tmp_path}/{{time}}", "a")
    (first / "inspections.jsonl").write_text("evidence")
    stop_clock(monkeypatch, 2026, 1, 31, 11, 0, 0)
    reserve_folder(f"{tmp_path}/{{time}}", "b")
    stop_clock(monkeypatch, 2026, 1, 31, 12, 0, 5)
    names = [reserve_folder(f"{tmp_path}/{{time}}/", "c").name for _ in range(2)]
    assert names == ["12-00-05_2", "12-00-05_3"]
    assert (first / "inspections.jsonl").read_text() == "evidence"


def test_numbers_continue_above_the_largest_one(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/line/run{{number}}"
    assert reserve_folder(pattern, "a").name == "run0001"
    (tmp_path / "line" / "run0041").mkdir()
    (tmp_path / "line" / "runX").mkdir()
    (tmp_path / "line" / "run0002.txt").write_text("")
    assert reserve_folder(pattern, "a").name == "run0042"
    (tmp_path / "line" / "run12345").mkdir()
    assert reserve_folder(pattern, "a").name == "run12346"


def _reserve(text: str) -> Path:
    return reserve_folder(text, "id")


@pytest.mark.parametrize(
    "pattern", ["{date}/{time}", "{number}", "{date}/{number}", "same{run_id}"]
)
def test_processes_that_start_together_get_different_folders(tmp_path: Path, pattern: str) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        folders = pool.map(_reserve, [f"{tmp_path}/{pattern}"] * 60, chunksize=1)
    assert len(set(folders)) == 60
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize("pattern", ["{date}/{time}", "a/{run_id}", "{number}"])
def test_a_run_that_wrote_nothing_leaves_no_folder(tmp_path: Path, pattern: str) -> None:
    text = f"{tmp_path}/runs/{pattern}"
    folder = reserve_folder(text, new_run_id())
    (folder / "left").mkdir()
    remove_empty(text, folder)
    assert not any(p.name not in ("runs", "a") for p in tmp_path.rglob("*"))
    assert (tmp_path / "runs").exists()


def test_a_folder_with_results_is_never_removed(tmp_path: Path) -> None:
    text = f"{tmp_path}/{{date}}/{{run_id}}"
    folder = reserve_folder(text, "id")
    (folder / "inspections.jsonl").write_text("")
    remove_empty(text, folder)
    assert (folder / "inspections.jsonl").exists()
    (tmp_path / "plain").mkdir()
    remove_empty(str(tmp_path / "plain"), tmp_path / "plain")
    assert (tmp_path / "plain").exists()


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"output.dir .*\{date\}.*\{number\}.* not \{day\}"):
        load_config(None, {"output.dir": "runs/{day}"})


@pytest.mark.parametrize("pattern", ["file/{number}", "file/{date}/{time}"])
def test_a_file_in_the_way_is_named(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        reserve_folder(f"{tmp_path}/{pattern}", "id")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_place_without_new_folders_is_named() -> None:
    with pytest.raises(ConfigError, match="cannot create /proc/id"):
        reserve_folder("/proc/{run_id}", "id")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must name a folder"),
        (" ", "must name a folder"),
        ("runs/{number", "not other braces"),
        ("runs/{run_id:>9}", "not other braces"),
        ("runs/{date.year}", "not other braces"),
        ("runs/{{date}}", "not other braces"),
        ("runs/{time}/../x", "behind a field"),
    ],
)
def test_a_folder_that_would_surprise_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_config(None, {"output.dir": text})
    assert load_config(None, {"output.dir": "../{date}/x"}).output.dir == "../{date}/x"


def test_a_name_that_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot use the output folder .*: File name too long"):
        check_folder(tmp_path / ("o" * 300), overwrite=False)
