"""Tests of whole runs with parts and rolls: log, table, summary and exit code agree."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flow_rig import write_pictures
from part_runs import (
    part_picture,
    read_lines,
    read_rows,
    read_summary,
    run_config,
    run_parts,
    write_belt,
)

from run_inspector import main

GATE = [0.42, 0.2, 0.58, 0.8]


@pytest.fixture(scope="module")
def belt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six parts; the second and the fifth have a defect."""
    return write_belt(tmp_path_factory.mktemp("belt") / "belt.mp4", (1, 4))


def check_counts(out: Path, verdicts: list[str]) -> None:
    """The log, the table and the summary have the same parts."""
    parts = read_lines(out, "part")
    assert [part["verdict"] for part in parts] == verdicts
    rows = read_rows(out / "parts.csv")
    assert [row["verdict"] for row in rows] == verdicts
    # A name that begins like a formula gets an apostrophe in the table.
    names = [part["part_id"] for part in parts]
    assert [row["part_id"].removeprefix("'") for row in rows] == names
    summary, (ledger,) = read_summary(out)["parts"], read_lines(out, "ledger")
    counts = [summary[name] for name in ("passed", "failed", "errored")]
    assert counts == [verdicts.count(word) for word in ("PASS", "FAIL", "ERROR")]
    assert summary["total"] == ledger["total"] == len(verdicts)
    assert summary["not_inspected_by_cause"] == ledger["not_inspected_by_cause"]


def test_parts_that_pass_a_zone(belt: Path, tmp_path: Path) -> None:
    out = run_parts(tmp_path, belt, {"by": "zone", "zone": GATE})
    check_counts(out, ["PASS", "FAIL", "PASS", "PASS", "FAIL", "PASS"])
    parts, measured = read_lines(out, "part"), read_lines(out, "measured")
    for part in parts:
        frames = [r for r in measured if r["part_id"] == part["part_id"]]
        assert [r["frame_id"] for r in frames] == list(
            range(part["first_frame_id"], part["last_frame_id"] + 1)
        )
        assert len(frames) == part["frames"] > 2
        assert sum(r["verdict"] == "FAIL" for r in frames) == part["frames_failed"]
    of_verdicts = [r["part_id"] for r in read_lines(out, "verdict")]
    assert of_verdicts == [r["part_id"] for r in measured]
    assert None in of_verdicts  # between two parts
    sightings = read_rows(out / "sightings.csv")
    failed = {part["part_id"] for part in parts if part["verdict"] == "FAIL"}
    assert {row["part_id"] for row in sightings} == {*failed, ""}


def test_a_zone_with_a_picture_of_the_empty_scene(belt: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "empty", [part_picture(None)])
    parts = {"by": "zone", "zone": GATE, "empty": str(folder / "000.png")}
    check_counts(run_parts(tmp_path, belt, parts), ["PASS", "FAIL", "PASS", "PASS", "FAIL", "PASS"])


def test_pictures_of_a_folder_are_parts_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    folder = write_pictures(
        tmp_path / "pictures", [part_picture(128, defect=n in (3, 4)) for n in range(12)]
    )
    (folder / "007.png").write_bytes(b"no picture")
    out = run_parts(tmp_path, folder, {"frames": 2}, "--fail-on-anomaly", code=3)
    check_counts(out, ["PASS", "FAIL", "FAIL", "ERROR", "PASS", "PASS"])
    assert read_lines(out, "part")[3]["cause"] == "decode"
    assert read_summary(out)["parts"]["inspected_by_times"] == {"1": 1, "2": 5}


def test_the_name_of_a_picture_tells_its_part(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    write_pictures(folder, [part_picture(128, defect=n == 5) for n in range(6)])
    for number, name in enumerate(("A-1", "A-2", "B-1", "B-2", "C-1", "C-2")):
        (folder / f"{number:03d}.png").rename(folder / f"{name}.png")
    parts = {"by": "name", "name_pattern": "^(.)-", "rule": "k_of_n", "k": 1, "frames": 2}
    out = run_parts(tmp_path, folder, parts)
    check_counts(out, ["PASS", "PASS", "FAIL"])
    assert [part["part_id"] for part in read_lines(out, "part")] == ["A", "B", "C"]


def test_a_triggered_part_that_nobody_saw_is_an_error(belt: Path, tmp_path: Path) -> None:
    triggers = tmp_path / "triggers.csv"
    times = [0.15 + 1.5 * n for n in range(6)]
    triggers.write_text("time_s,part_id\n" + "".join(f"{t},N{t}\n" for t in times) + "99,=late\n")
    parts = {"by": "trigger", "triggers": str(triggers), "window_s": 1.2}
    out = run_parts(tmp_path, belt, parts)
    verdicts = ["PASS", "FAIL", "PASS", "PASS", "FAIL", "PASS", "ERROR"]
    check_counts(out, verdicts)
    last = read_lines(out, "part")[-1]
    assert (last["part_id"], last["cause"], last["frames"]) == ("=late", "not_seen", 0)


def test_an_unseen_part_alone_gives_exit_code_3(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", [part_picture(128)] * 3)
    (tmp_path / "t.csv").write_text("time_s\n99\n")
    parts = {"by": "trigger", "triggers": str(tmp_path / "t.csv")}
    out = run_parts(tmp_path, folder, parts, "--fail-on-anomaly", code=3)
    assert read_summary(out)["failed"] == read_summary(out)["errored"] == 0


def test_a_run_without_a_part_has_a_warning_and_exit_code_3(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", [part_picture(128)] * 3)
    out = run_parts(tmp_path, folder, {"by": "trigger"}, "--fail-on-anomaly", code=3)
    summary = read_summary(out)
    assert (summary["passed"], summary["parts"]["total"]) == (3, 0)
    (warning,) = [text for text in summary["warnings"] if text.startswith("parts:")]
    assert "no part was found in 3 frames" in warning


@pytest.mark.parametrize(("damaged", "code"), [(None, 0), (4, 3)])
def test_a_place_where_a_part_may_have_passed_unseen_gives_exit_code_3(
    tmp_path: Path, damaged: int | None, code: int
) -> None:
    """All parts PASS. The empty scene is FAIL here, and does not count."""
    empty = np.full((192, 256, 3), 60, np.uint8)
    pictures = [empty, part_picture(128), part_picture(128), *[empty] * 4, part_picture(128), empty]
    folder = write_pictures(tmp_path / "pictures", pictures)
    if damaged is not None:
        (folder / f"{damaged:03d}.png").write_bytes(b"no picture")
    parts = {"by": "zone", "zone": GATE, "empty": str(folder / "000.png")}
    out = run_parts(tmp_path, folder, parts, "--fail-on-anomaly", code=code)
    check_counts(out, ["PASS", "PASS"])
    assert read_summary(out)["failed"] > 3
    (ledger,) = read_lines(out, "ledger")
    assert ledger["gaps"] == (
        [] if damaged is None else [{"last_frame_id": 3, "first_frame_id": 5}]
    )


def test_a_run_does_not_replace_the_triggers_that_it_reads(
    belt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    triggers = tmp_path / "out" / "parts.csv"
    triggers.parent.mkdir()
    triggers.write_text("time_s\n1\n")
    run_parts(tmp_path, belt, {"by": "trigger", "triggers": str(triggers)}, "--overwrite", code=2)
    assert "which this run would replace" in capsys.readouterr().err
    assert triggers.read_text() == "time_s\n1\n"


def test_rolls_by_number_of_frames(belt: Path, tmp_path: Path) -> None:
    values = {"source": {"uri": str(belt)}, "rolls": {"enabled": True, "frames": 15}}
    out = run_config(tmp_path, values)
    rolls = read_lines(out, "roll")
    assert [roll["verdict"] for roll in rolls] == [
        *("PASS", "FAIL", "PASS", "PASS", "FAIL", "PASS", "PASS"),
    ]
    assert sum(roll["frames"] for roll in rolls) == 99
    assert read_summary(out)["rolls"]["total"] == 7
    assert read_summary(out)["parts"] is None


def test_a_roll_that_fails_gives_exit_code_3_although_all_parts_pass(
    belt: Path, tmp_path: Path
) -> None:
    """The frames that fail belong to no part."""
    parts = {"enabled": True, "by": "trigger", "triggers": str(tmp_path / "t.csv")}
    (tmp_path / "t.csv").write_text("time_s\n0.15\n")
    values = {
        "source": {"uri": str(belt)},
        "parts": parts | {"window_s": 1.2},
        "rolls": {"enabled": True},
    }
    out = run_config(tmp_path, values, "--fail-on-anomaly", code=3)
    assert read_summary(out)["parts"]["passed"] == read_summary(out)["parts"]["total"] == 1
    assert read_summary(out)["rolls"]["failed"] == 1


def test_without_parts_nothing_changes(belt: Path, tmp_path: Path) -> None:
    out = run_config(tmp_path, {"source": {"uri": str(belt)}})
    assert not (out / "parts.csv").exists()
    assert read_lines(out, "part") == read_lines(out, "ledger") == []
    assert {r["part_id"] for r in read_lines(out, "measured")} == {None}


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"by": "zone"}, "parts.zone is missing; parts.by zone needs it"),
        ({"by": "name"}, "parts.name_pattern is missing"),
        ({"by": "name", "name_pattern": "("}, "parts.name_pattern must be a regular expression"),
        ({"by": "name", "name_pattern": "x"}, "parts.by name needs a folder"),
        ({"by": "frame", "zone": GATE}, "parts.zone has no effect with parts.by frame"),
        ({"by": "zone", "zone": [0.6, 0, 0.4, 1]}, "with x0 < x1 and y0 < y1"),
        ({"by": "zone", "zone": [0.6, 0, 1.4, 1]}, "parts.zone[2] must lie between 0 and 1"),
        ({"by": "zone", "zone": GATE, "empty": "no.png"}, "parts.empty: "),
        ({"by": "zone", "zone": GATE, "join": True}, "parts.join needs the same part_id"),
        ({"join": True}, "parts.join needs several sources"),
        ({"rule": "k_of_n"}, "parts.rule is k_of_n, and parts.k is not set: set parts.k"),
        ({"k": 2}, "parts.rule is any, and parts.k is 2: set parts.k"),
        ({"rule": "most"}, "parts.rule must be one of any, k_of_n, worst"),
        ({"by": "trigger", "triggers": "no.csv"}, "parts.triggers: no.csv cannot be read"),
        ({"min_share": 0}, "parts.min_share must be above 0"),
    ],
)
def test_a_wrong_section_is_refused(
    belt: Path,
    tmp_path: Path,
    section: dict[str, Any],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_parts(tmp_path, belt, section, code=2)
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["rolls.length_m=2"], "rolls.length_m needs tracking.enabled and a calibration"),
        (["rolls.frames=0"], "rolls.frames must be at least 1"),
    ],
)
def test_rolls_that_cannot_end_are_refused(
    belt: Path,
    tmp_path: Path,
    settings: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["--source", str(belt), "--output", str(tmp_path / "out"), "--set", "log.path=null"]
    for setting in ("engine.backend=fake", "rolls.enabled=true", *settings):
        argv += ["--set", setting]
    assert main(argv) == 2
    assert sentence in capsys.readouterr().err
