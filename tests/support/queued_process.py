"""A process that writes records to a queued output and prints each number after its hand-over.

Arguments: folder of the outbox, port of the receiver, name of the run, number of records. It closes
the output and prints "closed" after the last record. Used by tests and by benchmarks/outbox.py.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from line_outputs import LineOptions, LineSender

from inspector.core.types import RunInfo, SourceInfo
from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import QueueOptions


def main() -> None:
    folder, port, run, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    options = QueueOptions(dir=folder, retry_first_s=0.02, retry_max_s=0.05, drain_s=60.0)
    sender = LineSender(LineOptions(kind="lines", port=port))
    output = QueuedOutput("line", sender, options)
    info = SourceInfo("line", live=False)
    output.open(RunInfo(info, Path(), "", {}, {}, "", "", None, 1.0, 1.0))
    for number in range(count):
        output.put({"event_id": f"{run}-{number}", "pad": "x" * (number * 37 % 3000)})
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        time.sleep(0.001)
    output.close()
    sys.stdout.write("closed\n")


if __name__ == "__main__":
    main()
