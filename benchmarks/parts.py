"""Measures the counting of parts, their verdicts, and the time that parts take per frame.

python -m benchmarks.parts [--parts 2000]. Parts pass a camera, each in five frames and with three
empty frames between them. A tenth of them are bad. Their frames are judged without an error, so
that each wrong count or verdict comes from the grouping.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.arrays import Image
from inspector.core.events import Event, Ledger, Part
from inspector.core.types import BadFrame, Cause, Frame, Inspection, Verdict
from inspector.parts.book import PartBook
from inspector.parts.grouping import Grouping, SequenceGrouping, ZoneGrouping, count_frames
from inspector.parts.joiner import PartJoiner
from inspector.parts.presence import ZonePresence
from inspector.parts.stage import PartStage, RunEnd
from inspector.parts.triggers import Trigger, TriggerGrouping, TriggerRules
from inspector.parts.verdict import PartRule

SHOWN, EMPTY = 5, 3
PERIOD: Final = SHOWN + EMPTY
FPS: Final = 25.0
HW: Final = (180, 320)
ZONE: Final = (0.45, 0.1, 0.55, 0.9)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """dropped, errored: shares of the frames. light: largest change of the brightness."""

    dropped: float = 0.0
    errored: float = 0.0
    light: float = 0.0


DISTURBANCES: Final = {
    "none": Disturbance(),
    "light changes by 30 %": Disturbance(light=0.3),
    "10 % dropped": Disturbance(dropped=0.1),
    "3 % ERROR": Disturbance(errored=0.03),
    "all": Disturbance(0.1, 0.03, 0.3),
}


def make_groupings(count: int) -> dict[str, Callable[[PartBook], Grouping]]:
    """The ways to tell parts apart. Frame n * PERIOD + EMPTY is the first one of part n."""
    empty = _draw(False, 1.0, np.random.default_rng(1))
    triggers = [Trigger((n * PERIOD + EMPTY - 0.5) / FPS, str(n)) for n in range(count)]
    rules = TriggerRules(SHOWN / FPS, None, 1.0)
    return {
        "frame": lambda book: SequenceGrouping(book, count_frames("run", PERIOD)),
        "zone": lambda book: ZoneGrouping(
            book,
            "run",
            ZonePresence(ZONE, min_difference=20.0, min_share=0.1, empty=empty),
            None,
        ),
        "trigger": lambda book: TriggerGrouping(book, "run", rules, live=False, triggers=triggers),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=2000)
    count = parser.parse_args().parts
    figures: dict[str, object] = {}
    print("by | disturbance | parts | counted | lost | doubled | merged | gaps | bad as PASS")
    for by, make in make_groupings(count).items():
        for name, disturbance in DISTURBANCES.items():
            row = measure(make, count, disturbance)
            print(" | ".join((by, name, str(count), *map(str, row))), flush=True)
            figures[f"{by}, {name}"] = row
        figures[f"{by}, ms per frame"] = round(measure_time(make), 3)
    print(json.dumps({"parts": figures}))


def measure(
    make: Callable[[PartBook], Grouping], count: int, disturbance: Disturbance
) -> list[int]:
    """Runs a stage and compares its parts with the true ones."""
    rng = np.random.default_rng(0)
    bad = rng.random(count) < 0.1
    book = PartBook("main")
    joiner = PartJoiner(("main",), PartRule("any"), timeout_s=1.0)
    stage = PartStage("main", make(book), book, joiner, live=False)
    stage.run_end = RunEnd(lambda: count * PERIOD)
    events: list[Event] = []
    labels: dict[str, set[int]] = {}
    for inspection in _frames(count, bad, disturbance, rng):
        labelled, more = stage.see(inspection)
        events += more
        number, phase = divmod(inspection.frame_id, PERIOD)
        if labelled.part_id is not None and phase >= EMPTY:
            labels.setdefault(labelled.part_id, set()).add(number)
    events += stage.flush()
    parts = {str(e.part_id): e for e in events if isinstance(e, Part)}
    (ledger,) = (event for event in events if isinstance(event, Ledger))
    times = Counter(number for numbers in labels.values() for number in numbers)
    passed = [labels[n] for n in labels if parts[n].verdict is Verdict.PASS]
    lost = count - len(times) if len(parts) != count else 0
    merged = sum(len(numbers) > 1 for numbers in labels.values())
    silent = sum(bool(bad[number]) for numbers in passed for number in numbers)
    doubled = sum(n > 1 for n in times.values())
    return [len(parts), lost, doubled, merged, ledger.gap_count, silent]


def measure_time(make: Callable[[PartBook], Grouping], repeats: int = 2000) -> float:
    """Milliseconds of CPU per frame of 1280x720."""
    book = PartBook("main")
    joiner = PartJoiner(("main",), PartRule("any"), timeout_s=1.0)
    stage = PartStage("main", make(book), book, joiner, live=False)
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3)).astype(np.uint8)
    frames = [Frame(n, "line", image, 0, n / FPS, "") for n in range(repeats)]
    inspections = [Inspection(frame, Verdict.PASS, 1.0, 1.0, score=1.0) for frame in frames]
    start = time.process_time()
    for inspection in inspections:
        stage.see(inspection)
    return 1e3 * (time.process_time() - start) / repeats


def _frames(
    count: int, bad: np.ndarray, disturbance: Disturbance, rng: np.random.Generator
) -> Iterator[Inspection]:
    for frame_id in range(count * PERIOD):
        number, phase = divmod(frame_id, PERIOD)
        if rng.random() < disturbance.dropped:
            continue
        pts_s, utc = frame_id / FPS, "2026-01-01T00:00:00.000Z"
        if rng.random() < disturbance.errored:
            broken = BadFrame(frame_id, "line", "torn", 0, pts_s, utc)
            yield Inspection(broken, Verdict.ERROR, 1.0, 1.0, error="torn", cause=Cause.DECODE)
            continue
        light = 1.0 + disturbance.light * np.sin(frame_id / 400)
        frame = Frame(frame_id, "line", _draw(phase >= EMPTY, light, rng), 0, pts_s, utc)
        failed = phase >= EMPTY and bad[number]
        yield Inspection(frame, Verdict.FAIL if failed else Verdict.PASS, 1.0, 1.0, score=1.0)


_NOISE: Final = np.random.default_rng(2).normal(0, 5, (8, *HW, 1)).astype(np.float32)


def _draw(part: bool, light: float, rng: np.random.Generator) -> Image:
    """A belt with noise, with a bright part in the middle."""
    picture = 110.0 * light + _NOISE[rng.integers(len(_NOISE))]
    if part:
        picture[40:140, 120:200] = 200.0 * light
    return np.repeat(picture.clip(0, 255).astype(np.uint8), 3, axis=2)


if __name__ == "__main__":
    main()
