"""Measures what arrives at a consumer behind a broker that is killed, and what sending costs.

python -m benchmarks.record_outputs [--records 100000] [--every 5] [--kills 30] [--pairs 5]. It
needs Mosquitto and the extra mqtt, and for the pairs the extra demo. The broker is killed with
SIGKILL and restarted every few seconds. Inspections are killed with SIGKILL, with the broker away
in every third. The pairs inspect the same clip without and with an output to a broker. It works in
the current folder, because /tmp may be in memory.
"""

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.clips import clip, engine
from benchmarks.pipeline import inspect
from inspector.core.types import RunInfo, SourceInfo
from inspector.outputs.kinds import make_outputs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from killed_records import durable_broker, kill_inspections
from motion_services import Broker
from mqtt_consumer import Consumer, restart_broker
from waiting import wait_for

PER_S: Final = 1000
"""Records per second: ten times the rate of a fast camera."""
FRAMES: Final = 300
AWAY_S: Final = 0.5
"""Time without a broker after each kill."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.record_outputs", description=__doc__
    )
    for name, default, text in (
        ("records", 100_000, "records to send (default: %(default)s)"),
        ("kills", 30, "inspections to kill (default: %(default)s)"),
        ("pairs", 5, "runs without and with an output (default: %(default)s)"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=text)
    parser.add_argument(
        "--every", type=float, default=5.0, help="s between two kills (default: %(default)s)"
    )
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folders = [Path(name) / part for part in ("broker", "killed", "cost")]
        for folder in folders:
            folder.mkdir()
        if options.records:
            figures["broker"] = send_records(folders[0], options.records, options.every)
            print(figures["broker"], flush=True)
        if options.kills:
            start_s = time.monotonic()
            figures["killed"] = asdict(kill_inspections(folders[1], kills=options.kills, seed=7))
            figures["killed"]["seconds"] = round(time.monotonic() - start_s)
            print(figures["killed"], flush=True)
        if options.pairs:
            figures["cost"] = measure_cost(folders[2], options.pairs)
    print(json.dumps({"record_outputs": figures}))


def send_records(folder: Path, count: int, every_s: float) -> dict[str, Any]:
    """Sends paced records while the broker is killed and started again."""
    broker = durable_broker(folder)
    consumer = Consumer(broker.port)
    broker.save(folder)
    ended = threading.Event()
    kills = threading.Thread(target=kill_broker, args=(broker, consumer, every_s, ended))
    (output,) = make_outputs([make_entry(folder, broker.port)])
    info = SourceInfo("line", live=True)
    output.open(RunInfo(info, Path(), "", {}, {}, "", "", None, 1.0, 1.0))
    kills.start()
    start_s, most_waiting = time.monotonic(), 0
    for number in range(count):
        record = {"type": "verdict", "source": "main", "event_id": f"run/main/{number}"}
        output.put(record | {"pad": "x" * (number * 37 % 2000)})
        if number % 100 == 0:
            most_waiting = max(most_waiting, output.counts()["waiting"])
            time.sleep(max(0.0, start_s + number / PER_S - time.monotonic()))
    ended.set()
    kills.join()
    wait_for(lambda: output.counts()["waiting"] == 0, 600)
    output.close()
    consumer.wait_for(count)
    seconds = time.monotonic() - start_s
    consumer.close()
    broker.kill()
    numbers = [int(event_id.rsplit("/", 1)[1]) for event_id in consumer.event_ids]
    return {
        "records": count,
        "kills": consumer.starts - 1,
        "received": len(numbers),
        "missing": count - len(numbers),
        "repeated": len(consumer.messages) - len(numbers),
        "out_of_order": sum(a > b for a, b in itertools.pairwise(numbers)),
        "most_waiting": most_waiting,
        "counts": output.counts(),
        "seconds": round(seconds, 1),
    }


def kill_broker(broker: Broker, consumer: Consumer, every_s: float, ended: threading.Event) -> None:
    while not ended.wait(every_s):
        restart_broker(broker, consumer, AWAY_S)


def make_entry(folder: Path, port: int) -> dict[str, Any]:
    queue = {"dir": str(folder / "outbox"), "timeout_s": 3, "drain_s": 5}
    queue |= {"retry_first_s": 0.1, "retry_max_s": 1.0}
    address = {"host": "127.0.0.1", "port": port, "topic": "line/{source}/{type}"}
    return {"kind": "mqtt", "queue": queue} | address


def measure_cost(folder: Path, pairs: int) -> dict[str, Any]:
    """CPU time and latency per frame of a clip at full speed. Each run writes all its files."""
    source, engine_path = clip((720, 1280), FRAMES, 0.05), engine("256x256")
    broker = durable_broker(folder)
    entry = make_entry(folder, broker.port)
    settings = {"plain": "outputs=[]", "mqtt": f"outputs={json.dumps([entry])}"}
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in settings}
    for number in range(pairs):
        # The order changes, because a machine slows down and speeds up.
        for kind in settings if number % 2 else reversed(settings):
            rows[kind].append(inspect(source, engine_path, settings[kind]))
            print(f"{kind:<8}{rows[kind][-1]}", flush=True)
    broker.kill()
    names = ("cpu_ms_per_frame", "latency_p99_ms", "throughput_per_s")
    figures: dict[str, Any] = {"pairs": pairs}
    for name in names:
        ratios = [row[name] / base[name] for base, row in zip(*rows.values(), strict=True)]
        figures[name] = {kind: round(median(r[name] for r in rows[kind]), 1) for kind in rows}
        figures[name]["ratio"] = round(median(ratios), 3)
    return figures


if __name__ == "__main__":
    main()
