"""Kills writing processes at random times and counts the records of the receiver."""

import itertools
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from line_outputs import LineServer

from inspector.outputs.outbox import Outbox

PROGRAM = Path(__file__).with_name("queued_process.py")
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class KilledRuns:
    """Numbers of records over all runs.

    handed_over: put() returned before the kill. missing: handed over but never received. doubled:
    received again with the same event_id. most_waiting: largest number in the outbox after a kill.
    """

    kills: int
    handed_over: int
    received: int
    missing: int
    doubled: int
    out_of_order: int
    most_waiting: int


def kill_runs(folder: Path, *, kills: int, seed: int) -> KilledRuns:
    """Kills each run after 1 to 120 records. A last run delivers the rest.

    The receiver hangs in every second run and disconnects after some lines.
    """
    choose = random.Random(seed)
    server = LineServer(break_after=range(50, ENDLESS, 149))
    handed_over: list[int] = []
    most_waiting = 0
    for run in range(kills):
        if run % 2:
            server.answering.clear()
        handed_over.append(_kill_one(folder, server.port, run, choose.randint(1, 120)))
        server.answering.set()
        most_waiting = max(most_waiting, _waiting(folder))
    process = _start(folder, server.port, kills, 1)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    assert output == "0\nclosed\n"
    handed_over.append(1)
    server.stop()
    assert _waiting(folder) == 0
    return _compare(server, handed_over, most_waiting)


def _start(folder: Path, port: int, run: int, count: int) -> "subprocess.Popen[str]":
    arguments = [sys.executable, str(PROGRAM), str(folder), str(port), str(run), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def _kill_one(folder: Path, port: int, run: int, after: int) -> int:
    """Returns the number of records that the process reported as handed over."""
    return kill_after(_start(folder, port, run, ENDLESS), after)


def kill_after(process: "subprocess.Popen[str]", after: int) -> int:
    """Kills a process after it printed so many lines. Returns the number of all lines."""
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return after + rest.count("\n")


def _waiting(folder: Path) -> int:
    outbox = Outbox(folder / "line", max_bytes=10**9, when_full="stop")
    outbox.close()
    return outbox.waiting


def _compare(server: LineServer, handed_over: list[int], most_waiting: int) -> KilledRuns:
    received = [tuple(map(int, event_id.split("-"))) for event_id in server.event_ids]
    missing = sum(
        count - sum(1 for run, number in received if run == number_of_run and number < count)
        for number_of_run, count in enumerate(handed_over)
    )
    return KilledRuns(
        kills=len(handed_over) - 1,
        handed_over=sum(handed_over),
        received=len(received),
        missing=missing,
        doubled=len(server.records) - len(received),
        out_of_order=sum(a > b for a, b in itertools.pairwise(received)),
        most_waiting=most_waiting,
    )
