"""Measures the CPU time of each stage, with all stages on one thread.

python -m benchmarks.stages CLIP ENGINE [KEY=VALUE ...] prints a JSON line with the CPU ms per frame
of each stage. KEY=VALUE: as after --set.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inspector.build import build_run
from inspector.config import load_config, parse_setting
from inspector.core.types import Frame
from inspector.pipeline.stages import infer

FRAMES = 300


def measure(
    clip: str, engine: str, frames: int = FRAMES, settings: Sequence[str] = ()
) -> dict[str, float]:
    """CPU milliseconds per frame and stage. No pipeline can use less CPU time in total."""
    spent: dict[str, float] = {}

    def run_timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        spent[name] = spent.get(name, 0.0) + time.process_time() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        overrides = {"source.uri": clip, "engine.path": engine, "output.dir": f"{folder}/out"}
        overrides |= dict(map(parse_setting, settings))
        run = build_run(load_config(None, overrides))
        stages, outputs, source = run.stages, run.outputs, run.source
        running = stages.open_engine()
        running.warm_up()
        for output in outputs:
            output.sink.open(run.info)
        done = 0
        while done < frames:
            frame = run_timed("capture", source.read)
            if frame is None:
                break
            assert isinstance(frame, Frame)
            prepared = run_timed("preprocess", lambda f=frame: stages.preprocess(f))
            (result,) = run_timed(
                "infer", lambda p=prepared: infer(running, stages.no_product, [p])
            )
            inspection = run_timed("measure", lambda r=result: stages.judge(r))
            inspection.timings_ms["latency"] = 0.0
            picture = stages.render(inspection)
            if run.info.config["output"]["video"]["enabled"]:
                run_timed("render", picture.i420)
            for output in outputs:
                write = output.sink.write
                run_timed(output.sink.name, lambda w=write, i=inspection, p=picture: w(i, p))
            done += 1
        for output in outputs:
            run_timed(output.sink.name, output.sink.close)
        source.close()
        running.close()
    return {name: round(seconds * 1e3 / done, 3) for name, seconds in spent.items()}


if __name__ == "__main__":
    assert Path(sys.argv[1]).exists()
    print(json.dumps(measure(sys.argv[1], sys.argv[2], settings=sys.argv[3:])))
