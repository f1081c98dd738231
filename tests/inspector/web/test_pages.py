"""Tests what the pages and the JSON of the web view show."""

from dataclasses import replace
from pathlib import Path

import pytest
from desk import FakeLine, Site, line_state, source_state
from sample_results import HOSTILE
from store_runs import LogOfRun, follow, frame

from inspector.core.types import Verdict
from inspector.service.line_state import CheckState, DiskState, NextSource, NextStart
from inspector.store.alarms import acknowledge_alarm, raise_alarm
from inspector.store.audit import add_change
from inspector.store.database import Store
from inspector.store.feedback import add_feedback
from inspector.web import views
from inspector.web.options import WebViewOptions

NARROW_NOTE = "captured 1200 = inspected 1190 + dropped 7 + errored 3"


def test_the_live_page_shows_state_counts_and_failures(site: Site, line: FakeLine) -> None:
    dark = source_state("left", condition="The picture is too dark.", state="reconnecting")
    line.current = line_state(
        sources=(dark, source_state("right", recipe="can")),
        release_locked=True,
        disk=DiskState(80.0, 2),
    )
    page = site.page("/")
    for text in (NARROW_NOTE, "The picture is too dark.", "reconnecting", "25.0 frames/s"):
        assert text in page.text
    assert "Line: running · recipe: bottle (right: can) · release locked" in page.text
    assert "Only verdicts are saved." in page.text
    assert "31 ms median, 59 ms p99" in page.text
    assert "2 defects, longest 0.566 mm" in page.text
    sources = [image["src"] for image in page.every("img")]
    assert sources[:2] == ["/live/left", "/live/right"]
    assert sources[2] == "/picture/r1/main/117/snapshot"
    cameras = [option["value"] for option in page.every("option")][-3:]
    assert cameras == ["", "left", "right"]


def test_the_live_page_shows_routine_checks_and_begins_them(site: Site, line: FakeLine) -> None:
    assert "Routine checks" not in site.page("/").text
    waiting = CheckState("shift", "recipe", "waiting", "present 3 parts", None, None, None, None)
    result = ("2026-01-31T06:00:03.000Z", False, "1 of 2 pictures <b> are FAIL")
    missed = CheckState("daily", "folder", "idle", None, "2026-01-31T14:00:00.000Z", *result)
    parts = CheckState("hourly", "part_id", "idle", None, None, None, None, None)
    before = site.page("/").every("section")
    line.current = line_state(checks=(waiting, missed, parts))
    page = site.page("/")
    for text in (
        "Now: present 3 parts.",
        "1 of 2 pictures <b> are FAIL",
        "2026-01-31 14:00:00",
    ):
        assert text in page.text
    assert "due" in page.text.split()
    names = [i["value"] for i in page.every("input") if i.get("name") == "name"]
    assert names == ["shift", "daily"]
    versions = [
        next(s["data-version"] for s in sections if s.get("id") == "line")
        for sections in (before, page.every("section"))
    ]
    assert versions[0] != versions[1]


@pytest.mark.parametrize("state", ["stopped", "ended"])
def test_a_line_that_does_not_inspect_can_be_started(
    site: Site, line: FakeLine, state: str
) -> None:
    line.current = line_state(state=state, recipe=None)
    page = site.page("/")
    assert "Start the inspection" in page.text
    assert "choose a recipe" in page.text


def test_a_stopped_line_shows_what_its_next_start_uses(site: Site, line: FakeLine) -> None:
    sources = (NextSource("left", "cap.onnx", 7.25, None), NextSource("right", None, None, 3.0))
    line.current = line_state(state="stopped", next_start=NextStart("cap", sources))
    page = site.page("/")
    assert "The next start, with the recipe cap" in page.text
    assert "leftcap.onnx7.25of the engine" in page.text
    assert "right-of the engine3" in page.text
    line.current = line_state(state="stopped", next_start=NextStart("lid", (), "recipe lid: gone"))
    assert "The line cannot start: recipe lid: gone" in site.page("/").text


def test_the_live_page_says_why_frames_were_dropped(site: Site, line: FakeLine) -> None:
    source = source_state(dropped=7, dropped_by_cause={"overrun": 5, "abort": 2})
    line.current = line_state(sources=(source,))
    assert "7 (overrun 5, abort 2)" in site.page("/").text


def test_a_page_has_at_most_four_live_pictures(site: Site, line: FakeLine) -> None:
    line.current = line_state(sources=tuple(source_state(f"cam{n}") for n in range(6)))
    streams = [i["src"] for i in site.page("/").every("img") if i.get("class") == "live"]
    assert streams == [f"/live/cam{n}" for n in range(4)]
    links = [link["href"] for link in site.page("/").every("a")]
    assert "/?camera=cam5" in links
    chosen = [i["src"] for i in site.page("/?camera=cam5").every("img") if i.get("class") == "live"]
    assert chosen == ["/live/cam5"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", "120 frames: 107 PASS, 12 FAIL, 1 ERROR"),
        ("verdict=FAIL", "12 frames: 0 PASS, 12 FAIL, 0 ERROR"),
        ("part=p17", "1 frames: 0 PASS, 1 FAIL, 0 ERROR"),
        ("source=other", "0 frames"),
        ("kind=check", "0 frames"),
        ("from=2026-01-31T12:00:10&to=2026-01-31T12:00:11", "10 frames: 9 PASS, 1 FAIL, 0 ERROR"),
        ("feedback=any", "0 frames"),
        ("run=r1", "120 frames"),
        ("recipe=none", "0 frames"),
    ],
)
def test_the_history_can_be_filtered(site: Site, query: str, count: str) -> None:
    assert count in site.page(f"/history?{query}").text


def test_all_pages_of_the_history_show_each_frame_once(site: Site) -> None:
    path: str | None = "/history?kind=all"
    seen: list[str] = []
    while path is not None:
        page = site.page(path)
        seen += [a["href"] or "" for a in page.every("a") if (a["href"] or "").startswith("/frame")]
        path = next((a["href"] for a in page.every("a") if a.get("rel") == "next"), None)
    assert seen == [f"/frame/r1/main/{n}" for n in reversed(range(120))]


def test_a_frame_has_its_score_sizes_and_pictures(site: Site) -> None:
    page = site.page("/frame/r1/main/7")
    assert "The score 3.25 reaches the threshold 1.5." in page.text
    assert "0.566 ± 0.02" in page.text
    assert "0.4 (U not known)" in page.text
    for kind, head in (("snapshot", b"\xff\xd8"), ("original", b"\x89PNG")):
        answer = site.client.get(f"/picture/r1/main/7/{kind}")
        assert answer.content.startswith(head)
        assert answer.headers["content-type"] in ("image/jpeg", "image/png")
    assert "No picture of this frame is saved." in site.page("/frame/r1/main/6").text
    assert "This frame has no score." in site.page("/frame/r1/main/50").text


@pytest.mark.parametrize(
    "path",
    [
        "/frame/r1/main/999",
        "/frame/r1/main/-1",
        "/frame/r1/main/" + "9" * 18,
        "/frame/r1/main/" + "9" * 4000,
        "/frame/r1/main/٣",
        "/frame/../main/1",
        "/frame/r1/..%2f..%2fetc/1",
        "/picture/r1/main/7/../../store.sqlite",
        "/picture/r1/main/7/inspections.jsonl",
        "/picture/r1/main/6/snapshot",
        "/static/..%2fapp.py",
        "/static/app.py",
        "/live/nobody",
        "/nothing",
    ],
)
def test_what_does_not_exist_is_404(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 404


def test_a_picture_that_is_a_link_out_of_the_run_is_not_sent(store: Store, line: FakeLine) -> None:
    site = Site(WebViewOptions(port=0), store, line)
    folder = store.path.parent / "runs/a/snapshots"
    path = folder / "frame_00000007_FAIL.jpg"
    secret = store.path.parent / "secret.jpg"
    secret.write_bytes(b"secret")
    path.unlink()
    path.symlink_to(secret)
    assert site.client.get("/picture/r1/main/7/snapshot").status_code == 404


def test_thresholds_show_what_a_new_one_would_change(site: Site) -> None:
    page = site.page("/thresholds?image_threshold=1.0")
    assert "18 would turn from PASS to FAIL and 0 from FAIL to PASS; 101 would stay" in page.text
    assert "1 with ERROR are left out" in page.text
    assert "/frame/r1/main/119" in [a["href"] for a in page.every("a")]
    assert [f["id"] for f in page.every("form") if "id" in f] == ["try", "save"]
    higher = site.page("/thresholds?image_threshold=4")
    assert "0 would turn from PASS to FAIL and 12 from FAIL to PASS" in higher.text
    answer = site.client.get("/api/thresholds?image_threshold=1.0").json()
    assert [entry["frame_id"] for entry in answer["turn_fail"]][:2] == [119, 118]
    assert (answer["same"], answer["errors"], answer["frames"]) == (101, 1, 120)


def test_scores_of_another_engine_are_left_out(store: Store, line: FakeLine) -> None:
    other = LogOfRun(store.path.parent / "runs/b", run_id="r2", engine_hash="e9")
    other.add(frame(0, score=0.3), frame(1, score=0.4)).finish()
    follow(store, store.path.parent / "runs/b")
    answer = Site(WebViewOptions(port=0), store, line).client.get(
        "/api/thresholds?image_threshold=1"
    )
    assert answer.json()["frames"] == 2


def test_runs_and_changes_are_listed(store: Store, line: FakeLine) -> None:
    site = Site(WebViewOptions(port=0), store, line)
    assert "Nothing was changed." in site.page("/changes").text
    add_change(store, who="anna", what="thresholds", old={"a": 1.5}, new={"a": 1.25}, why="scratch")
    alarm = raise_alarm(store, kind="disk", text="The disk is full.")
    acknowledge_alarm(store, alarm, who="otto", note="cleaned")
    text = site.page("/changes").text
    for expected in ("anna", '{"a": 1.25}', "scratch", "The disk is full.", "otto", "cleaned"):
        assert expected in text
    assert "finished" in site.page("/runs").text
    (run,) = site.client.get("/api/runs").json()["runs"]
    assert {name: run[name] for name in ("run_id", "passed", "failed", "errored")} == {
        "run_id": "r1",
        "passed": 18,
        "failed": 2,
        "errored": 1,
    }
    assert site.client.get("/api/changes").json()["changes"][0]["who"] == "anna"
    assert site.client.get("/api/alarms").json()["alarms"][0]["note"] == "cleaned"


def test_older_runs_and_changes_are_on_further_pages(
    store: Store, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "CHANGES", 2)
    monkeypatch.setattr(views, "RUNS", 1)
    follow(store, LogOfRun(store.path.parent / "runs/b", run_id="r2").add(frame(0)).finish())
    for number in range(3):
        add_change(store, who=f"person {number}", what="recipe")
    site = Site(WebViewOptions(port=0), store, line)
    for path, newest, oldest in (("/runs", "r2", "r1"), ("/changes", "person 2", "person 0")):
        first = site.page(path)
        assert newest in first.text
        assert oldest not in first.text
        (older,) = [a["href"] for a in first.every("a") if a.get("rel") == "next"]
        assert older is not None
        last = site.page(older)
        assert oldest in last.text
        assert newest not in last.text
        assert not [a for a in last.every("a") if a.get("rel") == "next"]


def test_the_state_has_no_folder_and_no_number_that_json_lacks(site: Site, line: FakeLine) -> None:
    source = source_state(latency_p50_ms=float("nan"), engine="/secret/place/bottle.onnx")
    line.current = line_state(sources=(source,))
    text = site.client.get("/api/state").text
    assert "NaN" not in text
    assert "/secret" not in text
    assert "runs/a" not in text
    assert site.client.get("/api/inspections?limit=1").json()["inspections"][0]["frame_id"] == 119
    frame_7 = site.client.get("/api/inspections/r1/main/7").json()
    assert frame_7["pictures"] == {"snapshot": True, "original": True}
    assert len(frame_7["defect_list"]) == 2


def test_hostile_texts_are_only_text(tmp_path: Path, line: FakeLine) -> None:
    """Names of parts, recipes, alarms and people can hold anything that JSON can."""
    hostile = HOSTILE.replace("\udcff", "") + "<script>alert(1)</script>"
    store = Store(tmp_path / "store.sqlite")
    failing = replace(frame(0, Verdict.ERROR), part_id=hostile, error=hostile)
    follow(
        store, LogOfRun(tmp_path / "a", config={"verdict": {"rule": hostile}}).add(failing).finish()
    )
    raise_alarm(store, kind="x", text=hostile, source=hostile)
    add_change(store, who=hostile, what=hostile, old=hostile, new={hostile: hostile}, why=hostile)
    add_feedback(
        store, run_id="r1", source="main", frame_id=0, answer="fine", who=hostile, note=hostile
    )
    line.current = line_state(
        recipe=hostile, recipes=(hostile,), message=hostile, sources=(source_state(error=hostile),)
    )
    site = Site(WebViewOptions(port=0), store, line)
    paths = ("/", "/history", "/frame/r1/main/0", "/thresholds", "/runs", "/changes")
    for path in paths:
        page = site.page(path)  # it checks that all tags are balanced
        names = {tag for tag, _ in page.tags}
        assert "b" not in names
        assert len(page.every("script")) == 1
    site.page(f"/history?part={'%3Cscript%3E'}&run=%22onload%3D", 200)
    store.close()


@pytest.mark.parametrize(
    "query",
    [
        *("verdict=x", "before=-1", "before=" + "9" * 30, "from=soon", "kind=other", "part=%00"),
        *("from=9999-99-99", "before=1e9", "request=abc"),
    ],
)
def test_values_that_cannot_be_used_are_400(site: Site, query: str) -> None:
    assert site.client.get(f"/history?{query}").status_code == 400
    answer = site.client.get(f"/api/inspections?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
