"""Tests of the pictures of defects: which are saved, and what happens at the limits."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from log_lines import warnings_of
from output_parts import UTC, FlatPicture, defect, inspection, run_info

from inspector.core.arrays import freeze
from inspector.core.errors import SinkError
from inspector.core.events import DefectClosed, Event, Ledger
from inspector.core.types import Defect, Frame, Inspection, Severity, Verdict
from inspector.core.web_place import WebPlace
from inspector.outputs import defect_pictures
from inspector.outputs.defect_pictures import MOST_DUE, DefectPictureSink
from inspector.outputs.options import DefectPictureOptions

HW = (200, 300)
INFO = run_info()
RUN = f"{INFO.run_id}/main"


def open_sink(folder: Path, *, tracked: bool = False, **options: object) -> DefectPictureSink:
    sink = DefectPictureSink(
        folder / "defects",
        DefectPictureOptions(**options),  # type: ignore[arg-type]
        tracked=tracked,
    )
    sink.open(INFO)
    return sink


def grey_frame(frame_id: int, grey: int, *defects: Defect) -> Inspection:
    image = freeze(np.full((*HW, 3), grey, np.uint8))
    frame = Frame(frame_id, "line", image, frame_id, None, UTC)
    return Inspection(frame, Verdict.FAIL, 1.5, 2.0, score=2.0, defects=defects)


def tracked_defect(track: str, **changes: object) -> Defect:
    return replace(defect(), web=WebPlace(track), **changes)  # type: ignore[arg-type]


def close_track(track: str, best: int, *merged: str, **changes: object) -> DefectClosed:
    return DefectClosed(
        wall_time_utc=UTC,
        track_id=track,
        first_frame_id=0,
        last_frame_id=9,
        best_frame_id=best,
        sightings=3,
        defect=defect(),
        merged_track_ids=merged,
        **changes,  # type: ignore[arg-type]
    )


def saved(sink: DefectPictureSink, event: Event, folder: Path) -> tuple[str | None, int | None]:
    """The path in the event, and the median grey of the picture."""
    event = sink.complete_event(event)
    assert isinstance(event, DefectClosed)
    if event.picture is None:
        return None, None
    image = cv2.imread(str(folder / event.picture))
    assert image is not None
    return event.picture, int(np.median(image))


def test_without_tracking_each_sighting_has_a_picture(tmp_path: Path) -> None:
    sink = open_sink(tmp_path)
    item = sink.complete(inspection(7, defects=(defect(), defect(1))))
    sink.complete(inspection(8))
    assert item.pictures == {
        0: "defects/frame_00000007_defect_0.jpg",
        1: "defects/frame_00000007_defect_1.jpg",
    }
    names = sorted(f"defects/{path.name}" for path in (tmp_path / "defects").iterdir())
    assert names == sorted(item.pictures.values())


def test_an_error_without_a_picture_has_none(tmp_path: Path) -> None:
    bad = inspection(3, verdict=Verdict.ERROR)
    assert open_sink(tmp_path).complete(replace(bad, defects=(defect(),))).pictures == {}


def test_a_track_has_the_picture_of_its_best_frame(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, tracked=True)
    for frame_id, score in enumerate((1.0, 5.0, 3.0, 4.0, 2.0)):
        item = grey_frame(
            frame_id, 40 + 30 * frame_id, tracked_defect(f"{RUN}/d3", peak_score=score)
        )
        assert sink.complete(item) is item
    assert saved(sink, close_track(f"{RUN}/d3", best=3), tmp_path) == (
        "defects/d3.jpg",
        pytest.approx(130, abs=3),
    )
    assert [path.name for path in (tmp_path / "defects").iterdir()] == ["d3.jpg"]


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        ([{"truncated": True, "area_px": 900.0}, {}, {"size_source": "map"}], 1),
        ([{"size_source": "map", "peak_score": 9.0}, {"peak_score": 1.0}], 1),
        ([{"area_u_mm2": 0.02}, {"area_u_mm2": 0.01}, {"area_u_mm2": 0.03}], 1),
        ([{"truncated": True, "area_px": 5.0}, {"truncated": True, "area_px": 50.0}], 1),
        ([{"peak_score": 3.0}, {"peak_score": 3.0}], 0),
        ([{"peak_score": 3.0 + n} for n in range(9)], 8),
    ],
)
def test_without_the_best_frame_the_best_view_is_taken(
    tmp_path: Path, views: list[dict[str, object]], expected: int
) -> None:
    sink = open_sink(tmp_path, tracked=True)
    for frame_id, changes in enumerate(views):
        sink.complete(
            grey_frame(frame_id, 60 + 15 * frame_id, tracked_defect(f"{RUN}/d1", **changes))
        )
    grey = saved(sink, close_track(f"{RUN}/d1", best=99), tmp_path)[1]
    assert grey == pytest.approx(60 + 15 * expected, abs=3)  # JPEG


def test_a_merged_track_has_one_picture_and_leaves_no_view_in_memory(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, tracked=True)
    sink.complete(grey_frame(0, 60, tracked_defect(f"{RUN}/d1"), tracked_defect(f"{RUN}/d2")))
    sink.complete(grey_frame(1, 90, tracked_defect(f"{RUN}/d2", peak_score=9.0)))
    assert saved(sink, close_track(f"{RUN}/d1", 1, f"{RUN}/d2"), tmp_path) == (
        "defects/d1.jpg",
        pytest.approx(90, abs=3),
    )
    assert saved(sink, close_track(f"{RUN}/d1", 1, f"{RUN}/d2"), tmp_path) == (None, None)
    assert (sink._views, sink._view_bytes) == ({}, 0)


def test_a_defect_on_web_that_has_passed_is_not_kept(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, tracked=True)
    gone = replace(defect(), web=WebPlace(None))
    sink.complete(grey_frame(0, 60, gone, defect(1)))
    assert sink._views == {}


def test_a_track_of_an_earlier_run_has_another_file(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, tracked=True)
    sink.complete(grey_frame(0, 60, tracked_defect(f"{RUN}/d1"), tracked_defect("A-1/main/d1")))
    names = [
        saved(sink, close_track(name, 0), tmp_path)[0] for name in (f"{RUN}/d1", "A-1/main/d1")
    ]
    assert names == ["defects/d1.jpg", "defects/A-1_main_d1.jpg"]


def test_other_events_do_not_change(tmp_path: Path) -> None:
    ledger = Ledger(
        wall_time_utc=UTC,
        unit="mm2",
        total=0.0,
        inspected_once=0.0,
        inspected_more=0.0,
        not_inspected_by_cause={},
        inspected_by_times={},
        length_m=None,
        defects=0,
        defects_low=0,
        defects_continued=0,
        gap_count=0,
        gaps=(),
        frames_by_motion={},
    )
    assert open_sink(tmp_path, tracked=True).complete_event(ledger) is ledger


def test_each_severity_has_a_limit_of_its_number(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, max_count=2)
    low = replace(defect(), severity=Severity.LOW)
    critical = replace(defect(1), severity=Severity.CRITICAL)
    with warnings_of() as lines:
        for frame_id in range(4):
            sink.complete(inspection(frame_id, defects=(low,)))
        item = sink.complete(inspection(9, defects=(low, critical)))
    assert item.pictures == {1: "defects/frame_00000009_defect_1.jpg"}
    assert len(list((tmp_path / "defects").iterdir())) == 3
    assert lines == [f"{line}\n" for line in sink.warnings]
    assert len(lines) == 1
    assert "2 defects of severity low have a picture, the others have none" in lines[0]
    assert "output.defect_pictures.max_count (2) is reached" in lines[0]


def test_a_limit_of_the_size_holds(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, max_mb=0.3)
    noise = np.random.default_rng(1).integers(0, 255, (*HW, 3)).astype(np.uint8)
    for frame_id in range(9):
        frame = Frame(frame_id, "line", freeze(noise), 0, None, UTC)
        sink.complete(Inspection(frame, Verdict.FAIL, 1.0, 1.0, score=2.0, defects=(defect(),)))
    sizes = [path.stat().st_size for path in (tmp_path / "defects").iterdir()]
    assert 0 < len(sizes) < 9
    assert sum(sizes) <= 300_000
    assert "output.defect_pictures.max_mb (0.3) is reached" in sink.warnings[0]


def test_memory_for_open_tracks_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defect_pictures, "MOST_BYTES", 20_000)
    sink = open_sink(tmp_path, tracked=True)
    for number in range(30):
        sink.complete(grey_frame(number, 60, tracked_defect(f"{RUN}/d{number}")))
    assert 0 < sink._view_bytes <= 20_000
    assert len(sink.warnings) == 1
    pictures = [saved(sink, close_track(f"{RUN}/d{n}", 0), tmp_path)[0] for n in range(30)]
    assert pictures[0] == "defects/d0.jpg"
    assert pictures[-1] is None
    assert sink._view_bytes == 0
    sink.complete(grey_frame(99, 60, tracked_defect(f"{RUN}/d99")))
    assert saved(sink, close_track(f"{RUN}/d99", 99), tmp_path)[0] == "defects/d99.jpg"


def test_a_live_source_without_tracking_gets_the_strongest_of_a_frame(tmp_path: Path) -> None:
    sink = open_sink(tmp_path)
    run = run_info()
    sink.open(replace(run, source=replace(run.source, live=True)))
    many = tuple(defect(number) for number in range(30))
    assert list(sink.complete(inspection(0, defects=many)).pictures) == list(range(8))


def test_a_folder_that_is_gone_is_an_error_and_stays_away(tmp_path: Path) -> None:
    sink = open_sink(tmp_path)
    (tmp_path / "defects").rmdir()
    with pytest.raises(SinkError, match="its folder is gone"):
        sink.complete(inspection(0, defects=(defect(),)))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    sink = open_sink(tmp_path)
    (tmp_path / "defects" / "frame_00000000_defect_0.jpg.part").mkdir()
    with pytest.raises(SinkError, match=r"frame_00000000_defect_0\.jpg cannot be written"):
        sink.complete(inspection(0, defects=(defect(),)))


def open_live(folder: Path) -> DefectPictureSink:
    sink = DefectPictureSink(folder / "defects", DefectPictureOptions())
    sink.open(replace(INFO, source=replace(INFO.source, live=True)))
    return sink


@pytest.mark.parametrize("by", ["write", "close"])
def test_a_picture_of_a_live_source_is_drawn_after_the_line_that_names_it(
    tmp_path: Path, by: str
) -> None:
    sink = open_live(tmp_path)
    item = sink.complete(inspection(7, defects=(defect(), defect(1))))
    assert len(item.pictures) == 2
    assert not any((tmp_path / path).exists() for path in item.pictures.values())
    if by == "write":
        sink.write(item, FlatPicture())
    else:
        sink.close()
    assert all((tmp_path / path).exists() for path in item.pictures.values())
    assert set(sink.take_states()) == {tmp_path / path for path in item.pictures.values()}


def test_no_more_pictures_of_a_live_source_are_named_than_can_be_drawn(tmp_path: Path) -> None:
    sink = open_live(tmp_path)
    items = [sink.complete(inspection(n, defects=(defect(),))) for n in range(MOST_DUE + 3)]
    assert [len(item.pictures) for item in items] == [1] * MOST_DUE + [0] * 3
    sink.write(items[0], FlatPicture())
    assert len(list((tmp_path / "defects").iterdir())) == MOST_DUE
    assert len(sink.complete(inspection(99, defects=(defect(),))).pictures) == 1
    assert sink.warnings == ["there are more defects than can be drawn; some have no picture"]
