"""Shows PASS 50 times per second at a state output. Argument: its entry of `outputs` as JSON."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from machine_parts import NoControls, pass_now, ready_board

from inspector.core.lazy import load_entry
from inspector.machine.kinds import STATE_OUTPUTS, read_options


def main() -> None:
    options = read_options(json.loads(sys.argv[1]), "outputs[0]")
    board = ready_board(expiry_ms=options.expiry_ms)
    load_entry(STATE_OUTPUTS[options.kind])(options, board, "outputs[0]", NoControls())
    while True:
        pass_now(board)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
