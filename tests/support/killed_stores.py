"""Kills programs that fill a store at random times, and compares the store with the logs."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from killed_runs import kill_after
from store_runs import follow, rows

from inspector.outputs.folder import LOG
from inspector.store.audit import find_changes
from inspector.store.database import Store

PROGRAM = Path(__file__).with_name("store_process.py")


@dataclass(frozen=True, slots=True)
class KilledStores:
    """logged: frames in all logs. stored, distinct: rows of the store, and different frames. wrong:
    rows that differ from their line. ahead: kills after which the store had a frame that no log
    had. behind: kills after which a log had a frame that the store did not have yet. changes_lost:
    entries of the audit trail that were confirmed, but are not in the store."""

    logged: int
    stored: int
    distinct: int
    wrong: int
    ahead: int
    behind: int
    changes_lost: int


def kill_stores(folder: Path, *, kills: int, seed: int) -> KilledStores:
    """Kills each program after 1 to 150 frames. Every start reads the logs of the killed ones."""
    folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(seed)
    confirmed: list[list[int]] = []
    ahead = behind = 0
    for number in range(kills):
        printed = _kill_one(folder, number, choose.randint(1, 150))
        confirmed += [[number, frame_id] for frame_id in range(printed) if frame_id % 5 == 0]
        store = Store(folder / "store.sqlite", thorough=True)
        stored, logged = set(_stored(store)), set(_logged(folder))
        store.close()
        ahead += bool(stored - logged)
        behind += bool(logged - stored)
    store = Store(folder / "store.sqlite", thorough=True)
    follow(store)
    stored_rows, lines = _stored(store), _logged(folder)
    changes = {tuple(change.new) for change in find_changes(store, limit=10**6)}
    store.close()
    return KilledStores(
        logged=len(lines),
        stored=len(stored_rows),
        distinct=len({row[:2] for row in stored_rows}),
        wrong=len(set(stored_rows) ^ set(lines)),
        ahead=ahead,
        behind=behind,
        changes_lost=sum(tuple(change) not in changes for change in confirmed),
    )


def _kill_one(folder: Path, number: int, after: int) -> int:
    """Returns the number of frames that the program printed."""
    arguments = [sys.executable, str(PROGRAM), str(folder), str(number), str(10**9)]
    path = os.pathsep.join((str(PROGRAM.parents[2]), str(PROGRAM.parent)))
    environment = os.environ | {"PYTHONPATH": path}
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)
    return kill_after(process, after)


def _stored(store: Store) -> list[tuple[str, int, int, int]]:
    query = "SELECT r.run_id, i.frame_id, i.verdict, i.at FROM inspections i, runs r "
    return rows(store, f"{query} WHERE r.id = i.run")  # type: ignore[return-value]


def _logged(folder: Path) -> list[tuple[str, int, int, int]]:
    """The frames of all complete lines, with the place of the line."""
    lines = []
    for path in folder.glob(f"runs/*/{LOG}"):
        at = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if line.startswith(b'{"type":"measured"') and line.endswith(b"\n"):
                record = json.loads(line)
                verdict = ("PASS", "FAIL").index(record["verdict"])
                lines.append((record["run_id"], record["frame_id"], verdict, at))
            at += len(line)
    return lines
