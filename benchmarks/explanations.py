"""Compares the explanations of 96 rendered defects with their true kinds, places and sizes.

python -m benchmarks.explanations [--textures unseen|writing] [--seed N] [--contrasts C ...]

Each of the 12 renderings is drawn on 4 textures with 2 seeds, one defect per frame. By default the
textures and the seeds are those that no rule was tried on. The map is rendered, so the figures are
those of the rules and not those of an engine. The last line is JSON.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.atlas.kinds import TrueDefect
from benchmarks.atlas.scene import FRAME_HW, MAP_HW, MM_PER_PX, Scene
from benchmarks.atlas.trial import measure, use_one_thread, use_rendered_map
from benchmarks.explained_defects import (
    CONTRASTS,
    FRAME_MM,
    RENDERINGS,
    UNSEEN,
    WRITING,
    find_centroid,
    render,
)
from inspector.core.explanation import CONFIDENCES, KINDS, PLACES, Explanation
from inspector.core.geometry import Affine
from inspector.core.types import Defect
from inspector.explain.explainer import explain_defect, find_inspected_area

SEED: Final = 1600
SEEDS: Final = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """explanation: of the largest defect of the frame; None if nothing was detected. place, size:
    whether the place is right, and whether length and width are within 2u of the truth; size is
    None for a defect that was not measured on the frame, or not seen whole."""

    name: str
    texture: str
    seed: int
    explanation: Explanation | None
    place: bool = False
    size: bool | None = None
    cpu_ms: float = 0.0

    @property
    def true_kind(self) -> str:
        return RENDERINGS[self.name].kind

    @property
    def right(self) -> bool:
        return self.explanation is not None and self.explanation.kind == self.true_kind


def run_trials(
    textures: Sequence[str], seeds: Sequence[int], contrasts: tuple[float, ...] = CONTRASTS
) -> Iterator[Trial]:
    for name in RENDERINGS:
        for texture in textures:
            for seed in seeds:
                scene, true = render(name, texture, seed, contrasts)
                yield try_scene(name, texture, seed, scene, true)


def try_scene(name: str, texture: str, seed: int, scene: Scene, true: TrueDefect) -> Trial:
    defects, _ = measure(scene, use_rendered_map)
    if not defects:
        return Trial(name, texture, seed, None)
    defect = max(defects, key=lambda row: row.area_px)
    to_frame = Affine.between(MAP_HW, (0, 0, FRAME_HW[1], FRAME_HW[0]))
    area = find_inspected_area(MAP_HW, to_frame, None, FRAME_HW)
    start = time.process_time()
    explanation = explain_defect(scene.image, defect, defects, area)
    cpu_ms = 1e3 * (time.process_time() - start)
    place = explanation.place == _find_true_place(true)
    return Trial(name, texture, seed, explanation, place, _compare_size(defect, true), cpu_ms)


def _find_true_place(true: TrueDefect) -> str:
    x, y = find_centroid(true)
    return PLACES[3 * int(3 * y / FRAME_MM[1]) + int(3 * x / FRAME_MM[0])]


def _compare_size(defect: Defect, true: TrueDefect) -> bool | None:
    if defect.size_source != "refined":
        return None
    pairs = (
        (defect.length_px, defect.length_expanded_u_px, true.whole.length),
        (defect.width_px, defect.width_expanded_u_px, true.whole.width),
    )
    return all(u is not None and abs(value - mm / MM_PER_PX) <= u for value, u, mm in pairs)


def count_kinds(trials: Sequence[Trial]) -> dict[str, Any]:
    """The figures of the JSON line."""
    explained = [t for t in trials if t.explanation is not None]
    sizes = [t.size for t in trials if t.size is not None]
    by_confidence = {
        level: _count([t for t in explained if t.explanation and t.explanation.confidence == level])
        for level in CONFIDENCES
    }
    times = [t.cpu_ms for t in explained]
    return {
        "defects": len(trials),
        "detected": len(explained),
        "kind_right": sum(t.right for t in trials),
        "unclear": sum(
            t.explanation is not None and t.explanation.kind == "unclear" for t in trials
        ),
        "place_right": sum(t.place for t in trials),
        "measured": len(sizes),
        "size_within_2u": sum(sizes),
        "by_rendering": {
            name: _count([t for t in trials if t.name == name]) for name in RENDERINGS
        },
        "by_texture": {
            texture: _count([t for t in trials if t.texture == texture])
            for texture in dict.fromkeys(t.texture for t in trials)
        },
        "by_confidence": by_confidence,
        "cpu_ms_median": round(statistics.median(times), 2),
        "cpu_ms_largest": round(max(times), 2),
    }


def _count(trials: Sequence[Trial]) -> list[int]:
    """Right ones and all."""
    return [sum(t.right for t in trials), len(trials)]


def format_confusion(trials: Sequence[Trial]) -> str:
    """Rows: true kinds. Columns: kinds by rules."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for trial in trials:
        shown = "missed" if trial.explanation is None else trial.explanation.kind
        counts[trial.true_kind][shown] += 1
    columns = [*KINDS, "missed"]
    lines = ["true kind       " + " ".join(f"{name[:8]:>8}" for name in columns)]
    for kind in KINDS:
        if kind in counts:
            lines.append(f"{kind:<16}" + " ".join(f"{counts[kind][c]:>8}" for c in columns))
    return "\n".join(lines)


def format_reasons(trials: Sequence[Trial]) -> str:
    """In how many right kinds each figure is among the reasons."""
    counts: Counter[str] = Counter()
    for trial in trials:
        if trial.right and trial.explanation is not None:
            counts.update({reason.figure for reason in trial.explanation.reasons})
    return ", ".join(f"{figure} {count}" for figure, count in counts.most_common())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explanations", description=__doc__)
    parser.add_argument("--textures", choices=("unseen", "writing"), default="unseen")
    parser.add_argument("--seed", type=int, default=SEED, help=f"the first seed (default: {SEED})")
    parser.add_argument("--contrasts", type=float, nargs="+", default=CONTRASTS)
    options = parser.parse_args(argv)
    use_one_thread()
    textures = UNSEEN if options.textures == "unseen" else WRITING
    seeds = range(options.seed, options.seed + SEEDS)
    next(run_trials(textures, seeds))  # OpenCV makes its tables at the first call
    trials = []
    for trial in run_trials(textures, seeds, tuple(options.contrasts)):
        trials.append(trial)
        if not trial.right:
            shown = "missed" if trial.explanation is None else trial.explanation.sentence
            print(f"{trial.name} on {trial.texture}, seed {trial.seed}: {shown}")
    print(format_confusion(trials))
    print(f"figures that decided right kinds: {format_reasons(trials)}")
    print(json.dumps({"explanations": count_kinds(trials)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
