"""A line and a store for the tests of the web view."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from output_parts import defect
from sample_results import Page
from store_runs import LogOfRun, follow, frame

from inspector.core.arrays import freeze
from inspector.core.types import Inspection, Verdict
from inspector.machine.controls import TriggerMessage
from inspector.outputs.folder import ORIGINALS, SNAPSHOTS, original_name, snapshot_name
from inspector.render.side_by_side import RenderedPicture, SideBySide
from inspector.service.line_state import LineState, SourceState
from inspector.store.database import Store
from inspector.triggers.gate import TriggerAnswer, TriggerGate
from inspector.triggers.message import check_message
from inspector.web.options import WebViewOptions, read_secrets

RENDER = SideBySide(display_range=(0, 3), unit="mm", frame_hw=(96, 128))


def source_state(name: str = "main", **changes: Any) -> SourceState:
    values: dict[str, Any] = {
        "name": name,
        "state": "running",
        "error": None,
        "condition": None,
        "captured": 1200,
        "inspected": 1190,
        "dropped": 7,
        "errored": 3,
        "passed": 1181,
        "failed": 9,
        "missing": 0,
        "frames_per_s": 24.96,
        "latency_p50_ms": 31.4,
        "latency_p99_ms": 58.9,
        "last_frame_id": 1199,
        "last_verdict": "PASS",
        "last_captured_ns": 1,
        "image_threshold": 1.5,
        "pixel_threshold": 2.0,
        "engine": "bottle.onnx",
        "run_id": "r1",
        "folder": Path("runs/a"),
        "recipe": "bottle",
    }
    return SourceState(**values | changes)


def line_state(**changes: Any) -> LineState:
    values: dict[str, Any] = {
        "state": "running",
        "since_utc": "2026-01-31T12:00:00.000Z",
        "message": None,
        "recipe": "bottle",
        "recipes": ("bottle", "can"),
        "mode": "open",
        "release_locked": False,
        "disk": None,
        "sources": (source_state(),),
        "version": "0.1.0",
    }
    return LineState(**values | changes)


def scene(frame_id: int, verdict: Verdict = Verdict.PASS) -> Inspection:
    """A frame whose grey depends on its number, with a defect if it fails."""
    image = np.full((96, 128, 3), 60 + frame_id * 7 % 120, np.uint8)
    cv2.circle(image, (70, 50), 12, (30, 40, 200), -1)
    item = frame(frame_id, verdict, score=3.25 if verdict is Verdict.FAIL else 0.7)
    if item.anomaly_map is None:
        return item
    return replace(item, frame=replace(item.frame, image=freeze(image)))


@dataclass
class FakeLine:
    """A LineView with a state that the test sets. watched: the sources that are watched now. taken:
    the triggers that passed the gate."""

    current: LineState = field(default_factory=line_state)
    picture: tuple[int, RenderedPicture] | None = None
    watched: list[str] = field(default_factory=list)
    taken: list[TriggerMessage] = field(default_factory=list)
    takes_triggers: bool = True

    def __post_init__(self) -> None:
        self.triggers = TriggerGate(self._take, repeat_s=60.0)

    def state(self) -> LineState:
        return self.current

    def receive_trigger(self, message: TriggerMessage, who: str) -> TriggerAnswer:
        return self.triggers.receive(message, who, may_repeat=True)

    def _take(self, message: TriggerMessage) -> bool:
        check_message(message)
        self.taken.append(message)
        return self.takes_triggers

    def show(self, frame_id: int) -> None:
        self.picture = frame_id, RENDER(scene(frame_id))

    def latest(self) -> tuple[int, RenderedPicture] | None:
        return self.picture

    @contextmanager
    def watch(self, source: str) -> Iterator["FakeLine"]:
        self.watched.append(source)
        try:
            yield self
        finally:
            self.watched.remove(source)


def write_run(folder: Path, verdicts: Mapping[int, Verdict], **more: Any) -> Path:
    """A run with a snapshot and an original of each frame that does not pass. Scores: 0.01 per
    frame for PASS, 3.25 for FAIL."""
    log = LogOfRun(folder, **more)
    for sub in (SNAPSHOTS, ORIGINALS):
        (folder / sub).mkdir()
    for frame_id, verdict in verdicts.items():
        if verdict is Verdict.PASS:
            log.add(frame(frame_id, score=0.01 * frame_id))
            continue
        found_defects = (defect(), defect(1)) if verdict is Verdict.FAIL else ()
        log.add(frame(frame_id, verdict, score=3.25, defects=found_defects, part_id=f"p{frame_id}"))
        item = scene(frame_id, verdict)
        picture = RENDER(item).bgr()
        cv2.imwrite(str(folder / SNAPSHOTS / snapshot_name(frame_id, verdict.value)), picture)
        original = folder / ORIGINALS / original_name(frame_id, "png")
        cv2.imwrite(str(original), picture if item.frame.image is None else item.frame.image)
    return log.finish()


def fill_store(store: Store, folder: Path, count: int = 120) -> None:
    """One run `r1` of the source `main` below the folder: frame 7, 17, 27 ... FAIL, 50 is ERROR."""
    verdicts = {n: Verdict.FAIL if n % 10 == 7 else Verdict.PASS for n in range(count)}
    verdicts[50] = Verdict.ERROR
    follow(store, write_run(folder / "runs/a", verdicts))


class Site:
    """A web view without a network, as a browser or a program sees it."""

    def __init__(self, options: WebViewOptions, store: Store, line: FakeLine) -> None:
        pytest.importorskip("starlette", reason="needs the extra web")
        pytest.importorskip("httpx2", reason="TestClient of starlette needs httpx")
        from starlette.testclient import TestClient

        from inspector.web.app import make_app

        app, _ = make_app(read_secrets(options), store, line)
        self.client = TestClient(app, base_url="http://localhost", follow_redirects=False)

    def page(self, path: str, status: int = 200) -> Page:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    def form_key(self) -> str:
        key: str = self.client.get("/api/session").json()["form_key"]
        return key

    def send(self, path: str, fields: Mapping[str, Any], **more: Any) -> Any:
        """The answer to a form with its key."""
        return self.client.post(path, data={"form_key": self.form_key(), **fields}, **more)

    def log_in(self, secret: str, user: str = "", **fields: str) -> Any:
        return self.send("/login", {"user": user, "secret": secret, **fields})
