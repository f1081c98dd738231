"""Runs a line on a thread, sends it requests and reads its runs."""

import json
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from waiting import wait_for

from inspector.config import load_config
from inspector.core.errors import InspectorError
from inspector.outputs.json_log import read_records
from inspector.service.line import Line
from inspector.store.requests import Answer, add_request, wait_for_answer

LIVE = {
    "uri": "synthetic",
    "frame_size": "64x48",
    "fps": 200,
    "synthetic": {"paced": True, "frames": None},
}


def write_line(folder: Path, **sections: Any) -> Path:
    """Writes line.yaml for a line with the fake engine."""
    values: dict[str, Any] = {
        "source": LIVE,
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "runs" / "{number}"), "video": {"enabled": False}},
        "log": {"path": None},
        "verdict": {"image_threshold": 9, "pixel_threshold": 9},
        "service": {"enabled": True},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(values | sections))
    return path


@dataclass
class RecordedRun:
    """The results of one source in one session."""

    folder: Path

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "summary.json").read_text())

    @property
    def records(self) -> list[dict[str, Any]]:
        return read_records(self.folder / "inspections.jsonl")

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["type"] == kind]


class LineRig(threading.Thread):
    """A running line. code: its exit code. error: why it failed."""

    def __init__(self, config: Path) -> None:
        super().__init__(daemon=True)
        self.folder = config.parent / "runs"
        self.line = Line(lambda: load_config(config, {}))
        self.code: int | None = None
        self.error: InspectorError | None = None

    def run(self) -> None:
        try:
            self.code = self.line.run()
        except InspectorError as exc:
            self.error = exc

    def __enter__(self) -> "LineRig":
        self.start()
        wait_for(lambda: self.line.is_running or not self.is_alive())
        assert self.error is None, self.error
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.finish()
        if kind is None:
            assert self.error is None, self.error

    def finish(self) -> None:
        """Stops the line, as SIGTERM does, and waits for its end."""
        self.line._operator.signals.append(signal.SIGTERM)
        self.join(30)
        assert not self.is_alive()

    @property
    def source(self) -> str:
        """The name of the first source."""
        return self.line.config.source_names[0]

    def ask(self, kind: str, **arguments: Any) -> Answer:
        """Sends a request and waits for its answer."""
        store = self.line.store.store
        number = add_request(store, kind, arguments, who="m.weber", why="a test")
        return wait_for_answer(store, number, 30)

    def wait_for_frames(self, count: int = 3) -> None:
        """Waits until every source of the current session has so many inspections."""

        def have_inspected() -> bool:
            sources = self.line.state().sources
            return bool(sources) and all(s.inspected + s.errored >= count for s in sources)

        wait_for(have_inspected)

    def runs(self, source: str = "") -> list[RecordedRun]:
        """The runs of a source, the first one first."""
        logs = self.folder.glob(f"*/{source}/inspections.jsonl" if source else "*/*.jsonl")
        return [RecordedRun(path.parent) for path in sorted(logs)]
