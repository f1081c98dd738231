"""Tests what the retention removes, what it never touches, and what the evidence says then."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from retention_runs import (
    DAY,
    KINDS,
    NOW,
    add_run,
    apply,
    failed_originals,
    make_sessions,
    present,
    retention,
    run_at,
)
from store_runs import follow, open_store

from inspector.core.files import sole_writer
from inspector.evidence import removals
from inspector.outputs.folder import find_segments
from inspector.service.retention.age_clock import Moment
from inspector.store.feedback import add_feedback
from inspector.store.filters import HistoryFilter
from inspector.store.history import find_inspections
from tools.clean import main as clean
from tools.verify import main as verify


@pytest.mark.parametrize("kind", KINDS)
def test_old_files_of_a_kind_are_removed(base: Path, kind: str) -> None:
    before = present(run_at(base, 3))
    assert all(before.values())
    done = apply(base, {kind: {"days": 1.5}})
    assert [removal.run.path for removal in done] == [run_at(base, 3), run_at(base, 2)]
    for days in (3, 2):
        assert present(run_at(base, days)) == before | {kind: []}
        assert (run_at(base, days) / "annotated.m3u8").exists() is (kind != "video")
    assert present(run_at(base, 1)) == before
    assert apply(base, {kind: {"days": 1.5}}) == []


def test_failures_stay_longer(base: Path) -> None:
    failures = failed_originals(run_at(base, 3))
    apply(base, {"originals": {"days": 0.5}, "pictures": {"days": 0.5}, "failures_days": 2.5})
    before = present(run_at(base, 1))
    assert present(run_at(base, 3))["originals"] == present(run_at(base, 3))["pictures"] == []
    for days in (2, 1):
        assert present(run_at(base, days))["originals"] == failures
        assert present(run_at(base, days))["pictures"] == before["pictures"]
    # The folder of a run stays as long as its failures.
    done = apply(base, {"logs": {"days": 0.5}, "failures_days": 2.5})
    assert [removal.run.path for removal in done] == [run_at(base, 3)]
    assert not (base / "day3").exists()


def test_a_size_removes_good_frames_of_all_runs_before_failures(base: Path) -> None:
    folder = run_at(base, 1) / "originals"
    failures = failed_originals(run_at(base, 1))
    bad = sum((folder / name).stat().st_size for name in failures)
    total = sum(path.stat().st_size for path in folder.iterdir())
    apply(base, {"originals": {"max_gb": (3 * bad + 10) / 1e9}})
    assert [present(run_at(base, d))["originals"] for d in (3, 2, 1)] == 3 * [failures]
    apply(base, {"originals": {"max_gb": (2 * bad + 10) / 1e9}})
    assert [present(run_at(base, d))["originals"] for d in (3, 2, 1)] == [[], failures, failures]
    assert total > bad


def test_pictures_that_people_answered_stay_as_long_as_failures(base: Path) -> None:
    failures = failed_originals(run_at(base, 3))
    originals = present(run_at(base, 3))["originals"]
    passed = next(name for name in originals if name not in failures)
    header = json.loads((run_at(base, 3) / "inspections.jsonl").open().readline())
    frame = int(passed[len("frame_") : -len(".png")])
    answers = {(header["run_id"], header["source"]): {frame}}
    limits = {"originals": {"days": 0.5}, "failures_days": 10}
    apply(base, limits, find_answered=lambda: answers)
    assert present(run_at(base, 3))["originals"] == sorted([*failures, passed])
    apply(base, limits)
    assert present(run_at(base, 3))["originals"] == failures


def test_clean_keeps_pictures_that_people_answered(base: Path, tmp_path: Path) -> None:
    failures = failed_originals(run_at(base, 3))
    for days in (2, 1):
        shutil.rmtree(base / f"day{days}")
    with open_store(base / "store.sqlite") as store:
        follow(store, run_at(base, 3))
        (row,) = find_inspections(store, HistoryFilter(verdicts=("PASS",)), limit=1)
        frame = {"run_id": row.run_id, "source": row.source, "frame_id": row.frame_id}
        add_feedback(store, answer="missed", who="m.weber", **frame)
    os.utime(run_at(base, 3) / "inspections.jsonl", (1e9, 1e9))
    config = tmp_path / "line.yaml"
    limits = {"originals": {"days": 1}, "failures_days": 1e6}
    output = {"dir": f"{base}/{{date}}/{{time}}"}
    config.write_text(json.dumps({"output": output, "retention": limits}))
    assert clean(["--config", str(config)]) == 0
    answered = f"frame_{row.frame_id:08d}.png"
    assert present(run_at(base, 3))["originals"] == sorted([*failures, answered])


def test_a_size_removes_the_oldest_video_first(base: Path) -> None:
    size = find_segments(run_at(base, 1))[0].stat().st_size
    apply(base, {"video": {"max_gb": (size + 10) / 1e9}})
    assert [len(find_segments(run_at(base, d))) for d in (3, 2, 1)] == [0, 0, 1]


def test_a_size_of_the_logs_removes_whole_runs(base: Path) -> None:
    (run_at(base, 3) / "notes.txt").write_text("of a person")
    apply(base, {"logs": {"max_gb": 1e-9}})
    left = sorted(path.name for path in base.rglob("*") if path.is_file())
    assert left == ["notes.txt", "removed_runs.jsonl", "retention.json"]
    assert not (base / "day2").exists()


def test_the_folders_of_a_session_are_removed_together(tmp_path: Path) -> None:
    base = make_sessions(tmp_path)
    with sole_writer(base / "0001"):
        assert apply(base, {"logs": {"days": 5}}) == []
    done = apply(base, {"logs": {"days": 5}})
    assert {removal.run.path.name for removal in done} == {"left", "right"}
    assert [path.name for path in base.iterdir() if path.is_dir()] == ["0002"]
    assert (base / "0002" / "summary.json").exists()
    assert len((base / "removed_runs.jsonl").read_text().splitlines()) == 2


def test_space_is_made_in_the_order_of_use(base: Path) -> None:
    free = {"bytes": 0}
    sizes = {p: p.stat().st_size for p in base.rglob("*") if p.is_file()}
    good = [
        p
        for d in (3, 2, 1)
        for p in sorted((run_at(base, d) / "originals").iterdir())
        if p.name not in failed_originals(run_at(base, d))
    ]
    need = sum(sizes[p] for p in good) + 1
    apply(base, {"min_free_gb": need / 1e9}, free=lambda _: free["bytes"])
    gone = {p for p in sizes if not p.exists()}
    video = find_segments(run_at(base, 2))[0].name
    assert gone == {*good, run_at(base, 3) / video, run_at(base, 3) / "annotated.m3u8"}
    # Another program may fill the disk, so the logs stay unless a key says otherwise.
    everything = {"min_free_gb": 1.0}
    apply(base, everything, free=lambda _: free["bytes"])
    for days in (3, 2, 1):
        assert present(run_at(base, days)) == {kind: [] for kind in KINDS}
        assert (run_at(base, days) / "inspections.jsonl").exists()
    everything["min_free_removes_logs"] = True
    apply(base, everything, free=lambda _: free["bytes"])
    assert [path.name for path in base.iterdir() if path.is_dir()] == []


def test_a_run_that_is_being_written_is_not_touched(base: Path) -> None:
    options = {"logs": {"days": 0.1}, "video": {"max_gb": 1e-9}}
    with sole_writer(run_at(base, 3)), sole_writer(run_at(base, 2)):
        done = apply(base, options)
    assert {removal.run.path for removal in done} == {run_at(base, 1)}
    assert verify([str(run_at(base, 3)), str(run_at(base, 2))]) == 0


def test_links_are_not_followed(base: Path, signed: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    add_run(signed, outside, 9)
    (base / "link").symlink_to(outside, target_is_directory=True)
    shutil.rmtree(run_at(base, 3) / "snapshots")
    (run_at(base, 3) / "snapshots").symlink_to(outside / "snapshots")
    (run_at(base, 2) / "originals" / "frame_00000099.png").symlink_to(outside / "summary.json")
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    limits = {kind: {"days": 0.1} for kind in (*KINDS, "logs")}
    apply(base, limits | {"min_free_gb": 1e6, "min_free_removes_logs": True})
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before
    assert not (base / "day3").exists()


def test_a_path_that_becomes_a_link_is_refused(base: Path, signed: Path, tmp_path: Path) -> None:
    cleaner = retention(base, {"pictures": {"days": 2.5}})
    planned = cleaner.plan(Moment(NOW, 1.0))
    shutil.move(run_at(base, 3) / "snapshots", tmp_path / "snapshots")
    (run_at(base, 3) / "snapshots").symlink_to(tmp_path / "snapshots")
    cleaner.plan = lambda *_: planned  # type: ignore[method-assign]
    assert cleaner.apply(Moment(NOW, 2.0)) == []
    assert any((tmp_path / "snapshots").iterdir())


def test_folders_that_are_no_runs_stay(base: Path) -> None:
    for name, content in {"a": b"", "b": b"no log\n", "c": b'{"type":"header"}\n'}.items():
        (base / name).mkdir()
        (base / name / "inspections.jsonl").write_bytes(content)
    apply(base, {"logs": {"days": 0.1}})
    assert sorted(path.name for path in base.iterdir() if path.is_dir()) == ["a", "b", "c"]


def test_a_full_disk_does_not_prevent_the_removal(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, refused = removals.append_line, []

    def refuse(path: Path, line: bytes) -> None:
        if not refused and path.name == "removed.jsonl":
            refused.append(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(path, line)

    monkeypatch.setattr(removals, "append_line", refuse)
    apply(base, {"originals": {"days": 2.5}})
    assert refused
    assert present(run_at(base, 3))["originals"] == []
    assert verify([str(run_at(base, 3)), "--key", str(base.parent / "key")]) == 0


def test_a_jump_of_the_wall_clock_removes_nothing(base: Path) -> None:
    cleaner = retention(base, {"logs": {"days": 5.0}})
    assert cleaner.apply(Moment(NOW, 1.0)) == []
    assert cleaner.apply(Moment(NOW + 4000 * DAY, 2.0)) == []
    again = retention(base, {"logs": {"days": 5.0}})
    assert again.apply(Moment(NOW + 8000 * DAY, 1.0)) == []
    done = again.apply(Moment(NOW - 9000 * DAY, 1.0 + 2.5 * DAY))
    assert {removal.run.path for removal in done} == {run_at(base, 3), run_at(base, 2)}


def test_clean_shows_and_then_removes(
    base: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "line.yaml"
    pattern = f"{base}/{{date}}/{{time}}"
    for log in base.rglob("inspections.jsonl"):
        os.utime(log, (1e9, 1e9))
    config.write_text(json.dumps({"output": {"dir": pattern}, "retention": {"video": {"days": 1}}}))
    before = sorted(base.rglob("*"))
    assert clean(["--config", str(config), "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert text.count("video: 1 files") == 3
    assert "would remove: " in text
    assert sorted(base.rglob("*")) == before
    assert clean(["--config", str(config)]) == 0
    assert "removed: " in capsys.readouterr().out
    assert [len(find_segments(run_at(base, d))) for d in (3, 2, 1)] == [0, 0, 0]
    assert verify([str(run_at(base, 1))]) == 9


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["output.dir=runs/{date}"], "retention: no limit is set"),
        (["output.dir=runs", "retention.video.days=1"], "output.dir must be a pattern"),
        (["output.dir=gone/{date}", "retention.video.days=1"], "gone is not a folder"),
        (["retention.video.days=0"], "must be above 0"),
    ],
)
def test_clean_refuses_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], sentence: str
) -> None:
    config = tmp_path / "line.yaml"
    config.write_text("{}")
    more = [word for setting in settings for word in ("--set", setting)]
    assert clean(["--config", str(config), *more]) == 2
    assert sentence in capsys.readouterr().err
