"""Program of the kill tests of the store: writes a run and follows it, until it is killed.

Arguments: folder, number of the run, and how many frames it writes. It prints each frame.
"""

import sys
from pathlib import Path

from store_runs import LogOfRun, frame

from inspector.core.types import Verdict
from inspector.store.audit import add_change
from inspector.store.database import Store
from inspector.store.follower import Follower

folder, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = Store(folder / "store.sqlite")
follower = Follower(store, 0.001)
follower.catch_up()
log = LogOfRun(folder / f"runs/{number}", run_id=f"r{number}")
follower.watch(log.folder)
for frame_id in range(count):
    log.add(frame(frame_id, Verdict.FAIL if frame_id % 3 == 0 else Verdict.PASS))
    if frame_id % 5 == 0:
        add_change(store, who="test", what="frame", new=[number, frame_id])
    print(frame_id, flush=True)
log.finish()
follower.stop()
store.close()
