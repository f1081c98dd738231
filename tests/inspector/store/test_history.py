"""Tests of the queries of the history."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from output_parts import defect
from report_runs import scratch
from store_runs import START_MS, LogOfRun, follow, frame, frames, open_store, rows

from inspector.core.clock import utc_text
from inspector.core.errors import ConfigError
from inspector.core.file_hash import state_of
from inspector.core.types import Verdict
from inspector.outputs.folder import LOG
from inspector.store.database import Store
from inspector.store.filters import HistoryFilter
from inspector.store.follower import Follower
from inspector.store.history import (
    count_verdicts,
    find_inspection,
    find_inspections,
    last_scores,
)
from inspector.store.pictures import find_pictures

HOUR = 3_600_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Run r1 (lid): 10 frames of 2 sources in the hour of START_MS. Run r2 (cap): 10 frames 5 h
    later. Run r3: a check."""
    base = tmp_path_factory.mktemp("history")
    for source in ("left", "right"):
        log = LogOfRun(base / f"runs/1/{source}", source=source, recipe_id="lid")
        for number in range(10):
            verdict = Verdict.FAIL if number == 4 else Verdict.PASS
            part = f"p{number // 5}" if source == "left" else None
            log.add(frame(number, verdict, part_id=part, defects=(defect(),) * (number == 4)))
        log.finish()
    log = LogOfRun(base / "runs/2", run_id="r2", recipe_id="cap", engine_hash="e2")
    late = [frame(n, ms=START_MS + 5 * HOUR + n) for n in range(9)]
    log.add(*late, frame(9, Verdict.ERROR, ms=START_MS + 5 * HOUR + 9)).finish()
    LogOfRun(base / "runs/3", run_id="r3", check="daily").add(*frames(2)).finish()
    with open_store(base / "store.sqlite") as store:
        follow(store, base / "runs/1")
        follow(store, base / "runs/2")
        follow(store, base / "runs/3")
        yield store


def count(store: Store, **values: Any) -> int:
    return len(find_inspections(store, HistoryFilter(**values)))


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ({}, 32),
        ({"sources": ("left",)}, 10),
        ({"sources": ("left", "main")}, 22),
        ({"sources": ("other",)}, 0),
        ({"recipes": ("lid",)}, 20),
        ({"recipes": ("cap",), "verdicts": ("ERROR",)}, 1),
        ({"verdicts": ("FAIL",)}, 2),
        ({"verdicts": ("FAIL", "ERROR")}, 3),
        ({"verdicts": ("PASS", "ERROR")}, 30),
        ({"part_id": "p1"}, 5),
        ({"run_id": "r2"}, 10),
        ({"engine_hashes": ("e2", "e7")}, 10),
        ({"run_id": "other"}, 0),
        ({"kind": "check"}, 2),
        ({"kind": "production"}, 30),
        ({"feedback": "any"}, 0),
        ({"to_utc": "2026-01-31T12:00:00.500Z"}, 12),
        ({"from_utc": "2026-01-31T13:00:00.500+01:00", "to_utc": "2026-01-31T13:00:00Z"}, 10),
        ({"from_utc": "2026-01-31T17:00:00Z", "sources": ("left",)}, 0),
        ({"from_utc": "2027-01-01T00:00:00Z"}, 0),
    ],
)
def test_a_filter_selects(store: Store, values: dict[str, Any], number: int) -> None:
    assert count(store, **values) == number


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"verdicts": ("MAYBE",)}, "a verdict is PASS, FAIL, ERROR, not 'MAYBE'"),
        ({"from_utc": "yesterday"}, "from_utc: Invalid isoformat string"),
        ({"to_utc": "2026-01-31T12:00:00"}, "to_utc: the time .* has no zone"),
    ],
)
def test_a_filter_that_cannot_be_used_is_a_sentence(
    store: Store, values: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        find_inspections(store, HistoryFilter(**values))


def test_pages_follow_each_other_without_gap(store: Store) -> None:
    pages, before = [], None
    while page := find_inspections(store, HistoryFilter(), before=before, limit=5):
        pages += page
        before = page[-1].number
    assert [row.number for row in pages] == list(range(32, 0, -1))


def test_a_frame_has_the_pictures_that_exist_now(tmp_path: Path) -> None:
    LogOfRun(tmp_path / "a").add(frame(3, Verdict.FAIL)).finish()
    for name in ("snapshots/frame_00000003_FAIL.jpg", "originals/frame_00000003.bmp"):
        path = tmp_path / "a" / name
        path.parent.mkdir()
        path.write_bytes(b"")
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, tmp_path / "a")
        row = find_inspection(store, "r1", "main", 3)
        assert row is not None
        assert [(p.kind, p.sha256) for p in find_pictures(store, row)] == [
            ("original", None),
            ("snapshot", None),
        ]
        assert str(row.snapshot) == "snapshots/frame_00000003_FAIL.jpg"
        assert str(row.original) == "originals/frame_00000003.bmp"
        (tmp_path / "a/snapshots/frame_00000003_FAIL.jpg").unlink()
        row = find_inspection(store, "r1", "main", 3)
        assert row is not None
        assert row.snapshot is None
        assert find_inspection(store, "r1", "main", 4) is None


def test_pictures_of_a_frame_and_of_its_tracks_have_their_hashes(tmp_path: Path) -> None:
    names = [
        "defects/d7.jpg",
        "defects/frame_00000000_defect_1.jpg",
        "explained/frame_00000000_heatmap.png",
        "originals/frame_00000000.png",
    ]
    log = LogOfRun(tmp_path / "a")
    log.add(frame(0, Verdict.FAIL, defects=(scratch(0, 1.0, track_id="r1/main/d7"),)), frame(1))
    files = {}
    for name in (*names, "defects/d8.jpg", "originals/frame_00000001.png"):
        path = tmp_path / "a" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
        files[name] = state_of(name.encode()).plain()
    log.finish(files | {"snapshots/frame_00000000_FAIL.jpg": files[names[0]]})
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, tmp_path / "a")
        row = find_inspection(store, "r1", "main", 0)
        assert row is not None
        pictures = find_pictures(store, row)
    assert [str(picture.path) for picture in pictures] == names
    assert [picture.kind for picture in pictures] == ["defect", "defect", "explained", "original"]
    assert all(p.sha256 == files[str(p.path)]["sha256"] for p in pictures)


@pytest.mark.parametrize(
    ("by", "values", "expected"),
    [
        ("verdict", {}, [("all", 29, 2, 1)]),
        ("source", {}, [("left", 9, 1, 0), ("main", 11, 0, 1), ("right", 9, 1, 0)]),
        ("recipe", {"kind": "production"}, [("cap", 9, 0, 1), ("lid", 18, 2, 0)]),
        ("recipe", {"kind": "check"}, [(None, 2, 0, 0)]),
        (
            "hour",
            {},
            [("2026-01-31T12:00:00.000Z", 20, 2, 0), ("2026-01-31T17:00:00.000Z", 9, 0, 1)],
        ),
        ("day", {}, [("2026-01-31T00:00:00.000Z", 29, 2, 1)]),
        ("verdict", {"verdicts": ("FAIL",)}, [("all", 0, 2, 0)]),
        ("verdict", {"part_id": "p0"}, [("all", 4, 1, 0)]),
        ("verdict", {"from_utc": "2026-01-31T13:00:00Z"}, [("all", 9, 0, 1)]),
        ("hour", {"to_utc": "2026-01-31T12:00:00.500Z"}, [("2026-01-31T12:00:00.000Z", 10, 2, 0)]),
        ("hour", {"to_utc": "2026-01-31T12:00:00Z"}, []),
    ],
)
def test_verdicts_are_counted(
    store: Store, by: str, values: dict[str, Any], expected: list[tuple[object, ...]]
) -> None:
    counts = count_verdicts(store, HistoryFilter(**values), by=by)
    assert [(c.group, c.passed, c.failed, c.errored) for c in counts] == expected


def test_counts_of_hours_agree_with_the_rows(store: Store) -> None:
    """Also before 1970. The second filter cannot use the counts of hours."""
    whole = count_verdicts(store, HistoryFilter(), by="hour")
    single = count_verdicts(store, HistoryFilter(from_utc="0001-01-01T00:00:00.001Z"), by="hour")
    assert whole == single


@pytest.mark.parametrize("ms", [-1, 0, -HOUR, -5 * HOUR - 1])
def test_hours_before_1970(tmp_path: Path, ms: int) -> None:
    LogOfRun(tmp_path / "a").add(frame(0, ms=ms)).finish()
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, tmp_path / "a")
        whole = count_verdicts(store, HistoryFilter(), by="hour")
        rest = HistoryFilter(from_utc="0001-01-01T00:00:00.001Z")
        assert whole == count_verdicts(store, rest, by="hour")
        assert [c.group for c in whole] == [utc_text(ms // HOUR * HOUR)]


def test_counts_stay_when_inspections_are_removed_or_lost(tmp_path: Path) -> None:
    log = LogOfRun(tmp_path / "a").add(*frames(30))
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, tmp_path / "a")
        path = tmp_path / "a" / LOG
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:41]))
        follow(store)
        assert count_verdicts(store, HistoryFilter(), by="verdict")[0].passed == 20
        follower = Follower(store, max_inspections=5)
        follower.stop()
        assert rows(store, "SELECT COUNT(*) FROM inspections") == [(5,)]
        assert count_verdicts(store, HistoryFilter(), by="day")[0].passed == 20
    log.finish()


def test_last_scores_are_those_of_production(store: Store) -> None:
    scores = last_scores(store, "main", count=3)
    assert [(s.run_id, s.frame_id, s.verdict) for s in scores] == [
        ("r2", 9, "ERROR"),
        ("r2", 8, "PASS"),
        ("r2", 7, "PASS"),
    ]
    assert (scores[1].score, scores[1].rule, scores[1].pixel_threshold) == (1.0, "score", 2.0)
    assert scores[0].cause == "decode"
    assert len(last_scores(store, "main")) == 10
