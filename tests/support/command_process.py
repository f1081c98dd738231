"""Shows PASS 50 times per second at a command output, whose command appends to the file argv[1]."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from machine_parts import NoControls, append_signal, pass_now, ready_board

from inspector.machine.command import CommandOptions, CommandOutput

EXPIRY_MS = 300.0


def main() -> None:
    board = ready_board(expiry_ms=EXPIRY_MS)
    command = tuple(append_signal(Path(sys.argv[1])))
    options = CommandOptions(kind="command", expiry_ms=EXPIRY_MS, command=command)
    CommandOutput(options, board, "outputs[0]", NoControls())
    while True:
        pass_now(board)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
