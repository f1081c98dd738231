"""An output with an outbox that tries again soon, and a way to put records into it."""

import threading
from pathlib import Path
from typing import Any

from line_outputs import LineOptions, LineSender
from output_parts import run_info

from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import QueueOptions


def options(folder: Path, **changes: Any) -> QueueOptions:
    quick: dict[str, Any] = {"retry_first_s": 0.02, "retry_max_s": 0.05, "drain_s": 20.0}
    return QueueOptions(dir=str(folder), **(quick | changes))


def open_output(folder: Path, port: int, sender: Any = None, **changes: Any) -> QueuedOutput:
    sender = sender or LineSender(LineOptions(kind="lines", port=port))
    output = QueuedOutput("line", sender, options(folder, **changes))
    output.open(run_info())
    return output


def put(output: QueuedOutput, first: int, end: int) -> list[str]:
    event_ids = [f"run-{number}" for number in range(first, end)]
    for event_id in event_ids:
        output.put({"type": "verdict", "event_id": event_id})
    return event_ids


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "line"]


def join_worker() -> None:
    for thread in threads():
        thread.join(5)
    assert threads() == []
