"""Runs three cameras for an hour with all kinds of outputs, while connections break.

python -m benchmarks.machine [--quick | --minutes N] runs the whole program in a child process. One
camera is a video that arrives as fast as it plays, one an RTSP stream that is cut every minute, and
one a simulated GigE camera (extra `genicam`, Debian: aravis-tools). The MQTT broker is killed every
30 s. A consumer reads the records, and a PLC, Prometheus and a relay read the state. Afterwards it
compares the logs with the records that the consumer got. --quick: ten minutes.
`python -m benchmarks.machine_cost` measures what the outputs cost.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.clips import FOLDER
from benchmarks.desk import CUT_S, FILE, STREAM, describe_camera
from benchmarks.desk import make_config as make_desk_config
from benchmarks.desk_cameras import FPS, Cameras
from benchmarks.desk_checks import count_lost_and_doubled, read_cameras, verify_runs
from benchmarks.desk_line import RunningLine, find_logs
from benchmarks.gige_camera import gige_camera
from benchmarks.line_figures import describe_resources, parse_minutes
from benchmarks.machine_receivers import Receivers, StateReaders, reading
from inspector.outputs.folder import SUMMARY
from inspector.outputs.json_log import iterate_records

GIGE: Final = "gige"
STATIONS: Final = (FILE, STREAM, GIGE)
KILL_S: Final = 30.0
DRAIN_S: Final = 10.0
"""Time at the end without broken connections, so that no record has to wait for the next run."""


def main() -> None:
    print(json.dumps({"machine": run_cameras(parse_minutes("machine", __doc__))}))


def run_cameras(minutes: float) -> dict[str, Any]:
    """Runs the cameras and returns the figures."""
    folder = (FOLDER / "machine").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        gige = stack.enter_context(gige_camera())
        cameras = stack.enter_context(Cameras(60 * minutes, CUT_S))
        receivers = stack.enter_context(contextlib.closing(Receivers(folder, KILL_S)))
        line = RunningLine(folder, make_config(folder, cameras, gige, receivers))
        line.wait_for_first_frame(folder / "runs")
        with reading(receivers, STATIONS) as readers:
            _wait_for_end(line, folder / "runs" / FILE / SUMMARY, 60 * minutes)
            receivers.rest()
            time.sleep(DRAIN_S)
        code = line.stop()
        time.sleep(DRAIN_S)
    figures = check(folder, cameras.frames, receivers.consumer.deliveries.event_ids)
    figures |= {"exit_code": code, "cuts": cameras.cuts, "kills": receivers.kills}
    figures |= describe_receivers(receivers, readers)
    return figures | describe_resources(line.readings, minutes)


def make_config(
    folder: Path, cameras: Cameras, gige: Mapping[str, Any], receivers: Receivers | None
) -> dict[str, Any]:
    """gige: entry of the third camera. receivers: None for a run without outputs."""
    values = make_desk_config(folder, cameras, port=None)
    values["sources"] += [{"name": GIGE, **gige}]
    # A plain run needs no new folder for each run.
    values["output"] = {"dir": str(folder / "runs")}
    if receivers is not None:
        values["outputs"] = receivers.entries(folder / "outbox", STATIONS)
    return values


def _wait_for_end(line: RunningLine, summary: Path, seconds: float) -> None:
    """Waits until the video has ended."""
    end_s = time.monotonic() + 2 * seconds + 60
    while not summary.exists():
        if line.process.poll() is not None or time.monotonic() > end_s:
            raise SystemExit("the program did not inspect the video to its end")
        time.sleep(0.2)


def check(folder: Path, video_frames: int, event_ids: Mapping[str, None]) -> dict[str, Any]:
    """Compares the logs with the records that the consumer got. Prints a row for each camera."""
    cameras = read_cameras(folder / "runs")
    rows = {name: describe_camera(camera) for name, camera in cameras.items()}
    lost, doubled = count_lost_and_doubled(cameras[FILE].frames, FPS, video_frames)
    print(f"video of {video_frames} frames: {lost} lost, {doubled} doubled")
    logged = read_event_ids(sorted(find_logs(folder / "runs")))
    records = {
        "logged": len(logged),
        "lost": len(set(logged) - event_ids.keys()),
        "unknown": len(event_ids.keys() - set(logged)),
    }
    print("records: " + "  ".join(f"{name} {count}" for name, count in records.items()))
    return {
        "cameras": rows,
        "video": {"frames": video_frames, "lost": lost, "doubled": doubled},
        "records": records,
        "verify": verify_runs(cameras),
    }


def read_event_ids(logs: Sequence[Path]) -> list[str]:
    """Of all records that a run sends: those of its log, without the header."""
    return [
        record["event_id"]
        for log in logs
        for record in iterate_records(log)
        if record["type"] != "header"
    ]


def describe_receivers(receivers: Receivers, readers: StateReaders) -> dict[str, Any]:
    deliveries = receivers.consumer.deliveries
    relay = receivers.relay_file.read_text().split() if receivers.relay_file.exists() else []
    figures = {
        "repeated": deliveries.repeated,
        "out_of_order": deliveries.out_of_order,
        "state": {"mqtt_state": receivers.consumer.states, **readers.counts},
        "backwards": receivers.consumer.backwards + readers.backwards,
        "relay": {signal: relay.count(signal) for signal in sorted(set(relay))},
        "relay_last": relay[-1] if relay else None,
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    return figures


if __name__ == "__main__":
    main()
