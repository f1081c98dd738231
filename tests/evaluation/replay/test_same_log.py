"""The same files give the same log: every kind of source, with threads, batches and tracking."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_rig import Inspect, bad_picture, good_picture, write_clip, write_config, write_pictures
from recorded_runs import Record, Replay, cut_log, edit_log, read_records

import run_inspector
from evaluation.replay.rebuild import ReplayOptions, rebuild
from evaluation.replay.recorded import RecordedRun
from evaluation.replay.same_log import MAY_DIFFER
from inspector.config import make_config

Capsys = pytest.CaptureFixture[str]

SIZES = ("--set", "verdict.rule=defects", "--set", "verdict.min_length_px=20")
ENGINES = {
    "plain": (),
    "2 threads and batches": ("--set", "engine.batch=4", "--set", "engine.threads=2"),
    "sizes decide": (*SIZES, "--set", "tracking.enabled=true", "--set", "engine.batch=3"),
    "either": ("--set", "verdict.rule=either", "--set", "verdict.min_area_px=50"),
}


@pytest.mark.parametrize("options", ENGINES.values(), ids=ENGINES)
def test_a_video_gives_the_same_log(
    inspect: Inspect,
    clip: Path,
    engine: Path,
    margin: list[str],
    options: tuple[str, ...],
    capsys: Capsys,
) -> None:
    no_pictures = ("--set", "output.defect_pictures.max_count=0")
    run = inspect(clip, engine, *margin, *options, *no_pictures, "--no-video")
    assert any(record["defects"] for record in run.records)
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    assert f"identical: {len(read_records(run.out))} records" in replay.lines
    again = run.out.with_name("out-replay")
    assert sorted(p.name for p in again.iterdir()) == [
        *("defects.csv", "inspections.jsonl", "replay.json", "sightings.csv", "summary.json"),
    ]
    tables = [(folder / "defects.csv").read_bytes() for folder in (run.out, again)]
    assert len(set(map(len, tables))) == 1


def test_a_folder_with_a_damaged_picture_gives_the_same_log(
    inspect: Inspect, engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    pictures = [bad_picture(k) if k % 3 == 0 else good_picture(k) for k in range(9)]
    folder = write_pictures(tmp_path / "parts", pictures)
    (folder / "004.png").write_bytes(b"damaged")
    run = inspect(folder, engine, "--no-video", "--set", "engine.batch=4")
    assert [r["frame_id"] for r in run.records if r["verdict"] == "ERROR"] == [4]
    replay = Replay(capsys, run.out)
    assert replay.code == 0
    assert "identical: 19 records" in replay.lines


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--set", "tracking.enabled=true"),
        ("--set", "output.originals.format=bmp", "--set", "engine.batch=4"),
        (*SIZES, "--set", "tracking.enabled=true", "--set", "verdict.deadline_ms=10"),
        ("--set", "verdict.rule=either", "--set", "verdict.min_length_px=20"),
    ],
)
def test_a_live_run_with_originals_gives_the_same_log(
    live: Inspect, options: tuple[str, ...], capsys: Capsys
) -> None:
    run = live(*options)
    assert all(record["refined_regions"] is not None for record in run.records)
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    assert f"identical: {len(read_records(run.out))} records" in replay.lines
    times = ("captured_ns", "wall_time_utc")
    again = read_records(run.out.with_name("out-replay"))
    for old, new in zip(read_records(run.out), again, strict=True):
        if old["type"] == "measured":
            assert [old[key] for key in times] == [new[key] for key in times]


def test_frames_without_an_original_are_listed(live: Inspect, capsys: Capsys) -> None:
    run = live()
    ids = [record["frame_id"] for record in run.records]
    for frame_id in ids[:3]:
        (run.out / f"originals/frame_{frame_id:08d}.png").unlink()
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    assert f"identical: {1 + 2 * (len(ids) - 3)} records" in replay.lines
    gone = ", ".join(map(str, ids[:3]))
    assert f"not replayed, because there is no original: frames {gone}" in replay.lines


def test_an_error_without_a_picture_comes_out_as_recorded(live: Inspect, capsys: Capsys) -> None:
    run = live()
    damaged = run.records[5]["frame_id"]
    (run.out / f"originals/frame_{damaged:08d}.png").unlink()

    def damage(records: list[Record]) -> list[Record]:
        for record in records:
            if record["frame_id"] == damaged:
                record |= {"verdict": "ERROR", "error": "torn", "cause": "decode", "score": None}
                record["reason"] = None
                if record["type"] == "measured":
                    record |= {"defects": [], "refined_regions": None}
        return records

    edit_log(run.out, damage)
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    assert "not replayed" not in replay.text


def test_a_file_that_is_gone_is_replayed_from_its_originals(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    moved = tmp_path / "moved.mp4"
    shutil.copy(clip, moved)
    options = ("--set", "output.originals.enabled=true", "--set", "tracking.enabled=true")
    run = inspect(moved, engine, *options, "--no-video")
    moved.unlink()
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    assert any(line.startswith("identical: ") for line in replay.lines)


def test_a_list_of_sources_is_replayed_one_after_the_other(tmp_path: Path, capsys: Capsys) -> None:
    folders = [
        write_pictures(tmp_path / name, [bad_picture(k) for k in range(n)])
        for name, n in (("left", 3), ("right", 4))
    ]
    entries = [{"name": path.name, "source": {"uri": str(path)}} for path in folders]
    config = write_config(tmp_path, entries)
    assert run_inspector.main(["--config", str(config)]) == 0
    replay = Replay(capsys, tmp_path / "out", "--out", tmp_path / "again")
    assert replay.code == 0
    assert [line for line in replay.lines if line.startswith("identical")] == [
        "identical: 7 records",
        "identical: 9 records",
    ]
    assert sorted(p.name for p in (tmp_path / "again").iterdir()) == ["left", "right"]


def test_joined_parts_are_not_compared_but_their_frames_are(tmp_path: Path, capsys: Capsys) -> None:
    entries = [
        {"name": name, "source": {"uri": str(write_pictures(tmp_path / name, pictures))}}
        for name, pictures in (
            ("left", [bad_picture(k) for k in range(3)]),
            ("right", [good_picture(k) for k in range(4)]),
        )
    ]
    config = write_config(tmp_path, entries)
    join = ("--set", "parts.enabled=true", "--set", "parts.join=true")
    assert run_inspector.main(["--config", str(config), *join]) == 0
    replay = Replay(capsys, tmp_path / "out", "--out", tmp_path / "again")
    assert replay.code == 0, replay.text + replay.stderr
    assert replay.text.count("parts are off, because they were joined") == 2
    assert [line for line in replay.lines if line.startswith("identical")] == [
        "identical: 7 records",
        "identical: 9 records",
    ]


def test_a_file_that_ends_early_is_replayed_up_to_its_end(
    inspect: Inspect, engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    whole = write_clip(tmp_path / "whole.ts", [good_picture(k) for k in range(40)])
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    run = inspect(cut, engine, "--no-video")
    assert run.code == 7
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text + replay.stderr
    assert f"identical: {len(read_records(run.out))} records" in replay.lines


def test_a_stopped_run_is_replayed_up_to_its_last_frame(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    run = inspect(clip, engine, "--no-video")
    stopped = RecordedRun(run.out, read_records(run.out)[0], 10, 9, "stopped", 10)
    config = make_config(stopped.header["config"])
    opened = rebuild(stopped, ReplayOptions(), run.out / "x").open_frames(config.source)
    frames = []
    while (frame := opened.read()) is not None:
        frames.append(frame.frame_id)
    opened.close()
    assert frames == list(range(10))


@pytest.mark.parametrize(("keep", "batch"), [(20, 1), (9, 4), (14, 4)])
def test_a_killed_run_is_compared_up_to_its_last_complete_record(
    inspect: Inspect, clip: Path, engine: Path, keep: int, batch: int, capsys: Capsys
) -> None:
    options = ("--set", f"engine.batch={batch}", "--set", "tracking.enabled=true")
    run = inspect(clip, engine, *options, "--no-video")
    cut_log(run.out, keep)
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    result = json.loads((run.out.with_name("out-replay") / "replay.json").read_text())
    assert keep - 3 <= result["log"]["records"] <= keep


def change_score(records: list[Record]) -> list[Record]:
    records[8]["score"] += 1e-9
    return records


def change_outline(records: list[Record]) -> list[Record]:
    record = next(r for r in records if r["type"] == "measured" and r["defects"])
    record["defects"][0]["polygons"][0][0][0] += 0.01
    return records


def remove_frame(records: list[Record]) -> list[Record]:
    return records[:7] + records[9:]


def remove_last(records: list[Record]) -> list[Record]:
    return records[:-2]


def swap_fields(records: list[Record]) -> list[Record]:
    records[8] = dict(reversed(records[8].items()))
    return records


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (change_score, "measured of frame 3, score: "),
        (change_outline, "defects[0].polygons[0][0][0]: "),
        (remove_frame, "verdict of frame 3"),
        (remove_last, "summary, frames: 16 in summary.json -> 15 in inspections.jsonl"),
        (swap_fields, "measured of frame 3, order of the fields: "),
    ],
)
def test_a_difference_is_named_by_frame_and_field(
    parts: Inspect,
    edit: Callable[[list[Record]], list[Record]],
    sentence: str,
    capsys: Capsys,
) -> None:
    run = parts()
    edit_log(run.out, edit)
    replay = Replay(capsys, run.out)
    assert replay.code == 1
    assert "different: " in replay.text
    assert sentence in replay.text


def test_fields_of_another_version_are_listed_and_not_compared(
    parts: Inspect, capsys: Capsys
) -> None:
    run = parts()

    def age(records: list[Record]) -> list[Record]:
        del records[0]["version"], records[0]["source_hash"]
        for record in records[1:]:
            del record["reason"]
        return records

    edit_log(run.out, age)
    replay = Replay(capsys, run.out)
    assert replay.code == 0, replay.text
    assert "only one log has the field measured.reason (16 records)" in replay.lines


def test_the_docs_list_every_field_that_may_differ() -> None:
    text = (Path(__file__).parents[3] / "docs/replay.md").read_text()
    assert [n for names in MAY_DIFFER.values() for n in names if f"`{n}`" not in text] == []
