"""Kills inspections that send records to a broker, and compares their logs with a consumer."""

import contextlib
import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from motion_services import Broker
from mqtt_consumer import DURABLE, Consumer
from run_process import ROOT
from waiting import wait_for

from inspector.outputs.json_log import read_records
from inspector.outputs.outbox import Outbox

LONGEST_S = 1.2
"""Until a kill, from the start of a process or from its first frame."""


@dataclass(frozen=True, slots=True)
class KilledRecords:
    """Numbers over all runs. logged: records of the logs, without headers. missing: logged but
    never received. changed: received, but not the line of the log. more: received but not logged,
    at most the two records of the last frame of each run. doubled: received again. out_of_order:
    first receptions before that of an earlier record. most_waiting: in the outbox after a kill."""

    kills: int
    runs: int
    logged: int
    received: int
    missing: int
    changed: int
    more: int
    doubled: int
    out_of_order: int
    most_waiting: int


def durable_broker(folder: Path) -> Broker:
    """A broker that remembers its consumers."""
    place = f"persistence_location {folder}/"
    return Broker(folder, "user root", "allow_anonymous true", place, *DURABLE)


def kill_inspections(folder: Path, *, kills: int, seed: int) -> KilledRecords:
    """Each inspection is killed with SIGKILL, a quarter of them while they start. The broker is
    away during every third. A last one ends in order. Fails if the outbox is not whole after a
    kill."""
    choose = random.Random(seed)
    broker = durable_broker(folder)
    consumer = Consumer(broker.port)
    broker.save(folder)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(_make_config(broker.port)))
    most_waiting = 0
    try:
        for number in range(kills):
            is_away = number % 3 == 1
            if is_away:
                starts = consumer.starts
                broker.kill()
            process, logs = _start(config), len(_logs(folder))
            if choose.random() < 0.75:
                wait_for(lambda count=logs: _has_frames(_logs(folder)[count:]), 100)  # type: ignore[misc]
            time.sleep(choose.uniform(0.0, LONGEST_S))
            assert process.poll() is None, process.communicate()[0]
            process.send_signal(signal.SIGKILL)
            process.communicate()
            most_waiting = max(most_waiting, _count_waiting(folder))
            if is_away:
                broker.start()
                assert consumer.wait_for_start(starts + 1)
        process = _start(config, "--set", "source.synthetic.frames=5")
        output, _ = process.communicate(timeout=100)
        assert process.returncode == 0, output
        assert _count_waiting(folder) == 0
        runs = [read_records(log) for log in _logs(folder) if b"\n" in log.read_bytes()]
        consumer.wait_for(sum(len(run) - 1 for run in runs))
    finally:
        consumer.close()
        broker.kill()
    return _compare(kills, most_waiting, runs, consumer.messages)


def _make_config(port: int) -> dict[str, Any]:
    queue = {"dir": "outbox", "timeout_s": 3, "drain_s": 5, "retry_first_s": 0.1}
    address = {"host": "127.0.0.1", "port": port, "topic": "line/{source}/{type}"}
    synthetic = {"paced": True, "frames": None}
    return {
        "source": {"uri": "synthetic", "fps": 50, "frame_size": "320x240", "synthetic": synthetic},
        "engine": {"backend": "fake"},
        "verdict": {"pixel_threshold": 9},
        "evidence": {"checkpoint_frames": 10},
        "output": {"dir": "runs/{run_id}", "video": {"enabled": False}},
        "outputs": [{"kind": "mqtt", "queue": queue} | address],
        "log": {"path": None},
    }


def _start(config: Path, *settings: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, str(ROOT / "run_inspector.py"), "--config", config.name, *settings]
    return subprocess.Popen(
        argv, cwd=config.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _logs(folder: Path) -> list[Path]:
    """In the order of the runs, whose names begin with their times."""
    return sorted(folder.glob("runs/*/inspections.jsonl"))


def _has_frames(logs: list[Path]) -> bool:
    return any(b'"type":"measured"' in log.read_bytes() for log in logs)


def _count_waiting(folder: Path) -> int:
    """Checks the whole outbox and leaves it as it is."""
    outbox = Outbox(folder / "outbox" / "mqtt", max_bytes=10**9, when_full="stop")
    outbox.close()
    with contextlib.closing(sqlite3.connect(outbox.path)) as db:
        rows = db.execute("SELECT crc, body FROM records ORDER BY number").fetchall()
    assert all(zlib.crc32(body) == crc for crc, body in rows)
    assert len(rows) == outbox.waiting
    return len(rows)


def _compare(
    kills: int,
    most_waiting: int,
    runs: list[list[dict[str, Any]]],
    messages: list[tuple[str, dict[str, Any]]],
) -> KilledRecords:
    logged = {record["event_id"]: record for run in runs for record in run[1:]}
    received: dict[str, dict[str, Any]] = {}
    for _, record in messages:
        received.setdefault(record["event_id"], record)
    order = {run[0]["run_id"]: number for number, run in enumerate(runs)}
    places = [(order[record["run_id"]], record["seq"]) for record in received.values()]
    return KilledRecords(
        kills=kills,
        runs=len(runs),
        logged=len(logged),
        received=len(received),
        missing=len(logged.keys() - received.keys()),
        changed=sum(received[key] != record for key, record in logged.items() if key in received),
        more=len(received.keys() - logged.keys()),
        doubled=len(messages) - len(received),
        out_of_order=sum(a > b for a, b in itertools.pairwise(places)),
        most_waiting=most_waiting,
    )
