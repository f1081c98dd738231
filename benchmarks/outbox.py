"""Times appending to an outbox, and checks what kill -9 leaves on the disk.

python -m benchmarks.outbox [--kills 300] [--records 20000] works in the current folder, because
/tmp may be in memory.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inspector.outputs.outbox import Outbox

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from killed_runs import kill_runs

SIZES = (300, 3000, 30_000)
LIMIT = 64_000_000
PACED_PER_S = 200
"""Records per second of the paced row: several times the rate of a fast camera."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outbox", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=30, help="processes to kill (default: %(default)s)"
    )
    parser.add_argument(
        "--records", type=int, default=5000, help="records per size (default: %(default)s)"
    )
    options = parser.parse_args()
    print(
        f"{'append, while another thread delivers':<40} {'p50 us':>8} {'p99 us':>8} {'max ms':>8}"
    )
    rows = [append_row(size, options.records) for size in SIZES]
    rows.append(append_row(SIZES[1], PACED_PER_S * 5, pace_s=1 / PACED_PER_S))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        start = time.perf_counter()
        killed = asdict(kill_runs(Path(folder), kills=options.kills, seed=7))
        killed["seconds"] = round(time.perf_counter() - start, 1)
    print("  ".join(f"{name} {value}" for name, value in killed.items()))
    print(json.dumps({"outbox": {"append": rows, "killed": killed}}))


def append_row(size: int, count: int, pace_s: float = 0.0) -> dict[str, object]:
    """Appends `count` records, pace_s apart. A second thread confirms and syncs every 100 ms."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        outbox = Outbox(Path(folder), max_bytes=LIMIT, when_full="drop_oldest")
        ended = threading.Event()
        deliverer = threading.Thread(target=deliver, args=(outbox, ended))
        deliverer.start()
        body, times = b"x" * size, np.empty(count)
        for number in range(count):
            start = time.perf_counter()
            outbox.append(body)
            times[number] = time.perf_counter() - start
            if pace_s:
                time.sleep(pace_s)
        ended.set()
        deliverer.join()
        outbox.close()
    p50, p99 = np.percentile(times, (50, 99)) * 1e6
    row = {
        "bytes": size,
        "paced_per_s": round(1 / pace_s) if pace_s else None,
        "p50_us": round(p50, 1),
        "p99_us": round(p99, 1),
        "max_ms": round(times.max() * 1e3, 2),
        "per_s": round(count / times.sum()),
    }
    label = f"records of {size} bytes" + (f", {PACED_PER_S}/s" if pace_s else ", no pause")
    print(f"{label:<40} {p50:>8.1f} {p99:>8.1f} {row['max_ms']:>8}", flush=True)
    return row


def deliver(outbox: Outbox, ended: threading.Event) -> None:
    while not ended.wait(0.1):
        while records := outbox.oldest():
            outbox.confirm(records)
        outbox.sync()


if __name__ == "__main__":
    main()
