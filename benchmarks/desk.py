"""Runs two cameras for an hour with the web view, the store, feedback and changes of recipes.

python -m benchmarks.desk [--quick | --minutes N] runs the whole program in a child process. One
camera is a video that arrives as fast as it plays, the other a stream that is cut every minute.
Afterwards it compares logs, summaries, store and audit trail. --quick: ten minutes.
`python -m benchmarks.desk_cost` measures what web view and store cost.
"""

import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.clips import FOLDER
from benchmarks.desk_browser import Browser
from benchmarks.desk_cameras import FPS, Cameras, web_engine
from benchmarks.desk_checks import (
    Camera,
    compare_store,
    count_lost_and_doubled,
    read_cameras,
    verify_runs,
)
from benchmarks.desk_line import RunningLine, free_port
from benchmarks.line_figures import describe_resources, parse_minutes, quantile
from inspector.store.audit import find_changes
from inspector.store.database import Store
from inspector.store.feedback import find_feedback

FILE: Final = "file"
STREAM: Final = "stream"
CUT_S: Final = 60.0
CHANGE_S: Final = 30.0
FEEDBACK_S: Final = 7.0


def main() -> None:
    print(json.dumps({"desk": run_line(parse_minutes("desk", __doc__))}))


def run_line(minutes: float) -> dict[str, Any]:
    """Runs the line and returns the figures."""
    folder = (FOLDER / "desk").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with Cameras(60 * minutes, CUT_S) as cameras:
        port = free_port()
        line = RunningLine(folder, make_config(folder, cameras, port=port))
        line.wait_for_first_frame(folder / "runs")
        person = Person(Browser(port, (FILE, STREAM)))
        person.work(line, until_s=time.monotonic() + 120 * minutes + 60)
        person.browser.leave()
        code = line.stop()
        person.browser.close()
    figures = check(folder, cameras.frames)
    figures |= {"exit_code": code, "cuts": cameras.cuts, "asked": dict(person.asked)}
    figures |= describe_browser(person)
    # Two sessions were not open at the same time before the first two changes.
    return figures | describe_resources(line.readings, minutes, begin_s=2.5 * CHANGE_S)


def make_config(folder: Path, cameras: Cameras, *, port: int | None) -> dict[str, Any]:
    """port: of the web view; None for a plain run without web view and store."""
    engine = str(web_engine().absolute())
    values: dict[str, Any] = {
        "engine": {"path": engine},
        "output": {"dir": str(folder / "runs/{date}/{time}")},
        "log": {"path": str(folder / "line.log")},
        "sources": [
            {"name": FILE, "source": {"uri": cameras.file_url}},
            {"name": STREAM, "source": {"uri": cameras.stream_url, "reconnect": {"max_s": 2.0}}},
        ],
    }
    if port is None:
        return values
    recipes = folder / "recipes"
    recipes.mkdir(parents=True)
    for name, sections in {
        "web": {"engine": {"path": engine}, "verdict": {"image_threshold": 0.03}},
        "strict": {
            "verdict": {"image_threshold": 0.025},
            "sources": {STREAM: {"measure": {"refine": False}}},
        },
    }.items():
        (recipes / f"{name}.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
    return values | {
        "service": {"enabled": True},
        "store": {"enabled": True},
        "web": {"port": port},
        "recipes": {"dir": str(recipes), "start": "web"},
    }


@dataclass
class Person:
    """Changes recipes and thresholds, and gives feedback, all in the browser. asked: number of
    changes by kind. problems: answers other than "done"."""

    browser: Browser
    asked: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def work(self, line: RunningLine, until_s: float) -> None:
        """Returns when the video has ended."""
        change_s = feedback_s = time.monotonic()
        while line.process.poll() is None and time.monotonic() < until_s:
            time.sleep(0.2)
            if self._has_ended():
                return
            if time.monotonic() > change_s + CHANGE_S:
                change_s = time.monotonic()
                self._change()
            if time.monotonic() > feedback_s + FEEDBACK_S:
                feedback_s = time.monotonic()
                self._give_feedback()
        raise SystemExit("the line did not inspect the video to its end")

    def _has_ended(self) -> bool:
        states = {entry["name"]: entry["state"] for entry in self.browser.state.get("sources", ())}
        return states.get(FILE) == "ended"

    def _change(self) -> None:
        number = self.asked.total() - self.asked["feedback"]
        kind, arguments = (
            ("recipe", {"name": "strict"}),
            ("thresholds", {"source": FILE, "image_threshold": 0.03 + 1e-4 * number}),
            ("recipe", {"name": "web"}),
            ("reload", {}),
        )[number % 4]
        answer = self.browser.send(
            "/api/requests", kind=kind, who="benchmark", why="a change", arguments=arguments
        )
        self.asked[kind] += 1
        if not (isinstance(answer, dict) and answer.get("done")):
            self.problems.append(f"{kind}: {answer}")

    def _give_feedback(self) -> None:
        rows = self.browser.get("/api/inspections?limit=1")["inspections"]
        for row in rows:
            place = {name: row[name] for name in ("run_id", "source", "frame_id")}
            self.browser.send("/api/feedback", answer="fine", who="benchmark", **place)
            self.asked["feedback"] += 1


def check(folder: Path, video_frames: int) -> dict[str, Any]:
    """Compares everything that the line left. Prints a row for each camera."""
    cameras = read_cameras(folder / "runs")
    store = Store(folder / "runs" / "store.sqlite", thorough=True)
    try:
        only_logs, only_store = compare_store(store, cameras)
        audit, feedback = (
            find_changes(store, limit=100_000),
            find_feedback(store, latest_only=False),
        )
    finally:
        store.close()
    lost, doubled = count_lost_and_doubled(cameras[FILE].frames, FPS, video_frames)
    rows = {name: describe_camera(camera) for name, camera in cameras.items()}
    print(f"video of {video_frames} frames: {lost} lost, {doubled} doubled")
    print(f"store: {only_logs} frames only in the logs, {only_store} only in the store")
    verified = verify_runs(cameras)
    print(f"verify: {verified}; audit: {len(audit)} rows")
    return {
        "cameras": rows,
        "video": {"frames": video_frames, "lost": lost, "doubled": doubled},
        "store": {"only_logs": only_logs, "only_store": only_store},
        "verify": verified,
        "audit_rows": len(audit),
        "feedback_rows": len(feedback),
    }


def describe_camera(camera: Camera) -> dict[str, Any]:
    names = ("captured", "inspected", "dropped", "errored", "missing")
    latencies = [frame["timings_ms"]["latency"] for frame in camera.frames]
    row: dict[str, Any] = {"runs": len(camera.runs)}
    row |= {name: camera.total(name) for name in names}
    row |= {
        "unbalanced_runs": sum(not run.is_balanced for run in camera.runs),
        "doubled_ids": camera.doubled_ids,
        "out_of_order": camera.out_of_order,
        "broken_links": camera.broken_links,
        "config_changed": sum(run.changes for run in camera.runs),
        "latency_p99_ms": round(quantile(latencies, 0.99), 1),
    }
    print(f"{camera.name:<8}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    return row


def describe_browser(person: Person) -> dict[str, Any]:
    browser = person.browser
    problems = [*person.problems, *browser.failures]
    pictures, answers = dict(browser.pictures), dict(browser.answers)
    print(
        f"browser: live pictures {pictures}, answers by status {answers}, problems {problems[:5]}"
    )
    return {"live_pictures": pictures, "answers": answers, "problems": len(problems)}


if __name__ == "__main__":
    main()
