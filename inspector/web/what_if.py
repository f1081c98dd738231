"""Says how a new threshold would change verdicts that are in the store already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inspector.store.history import ScoredFrame

SCORE: Final = "score"
EITHER: Final = "either"
ERROR: Final = "ERROR"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Frames in the order in which they came. turn_fail: PASS becomes FAIL. turn_pass: FAIL no
    longer has its score as a reason. unknown: FAIL of the rule `either` whose score would not
    fail any more; its sizes may still fail it. errors: number of ERROR frames, which are left out.
    without_effect: number of frames of the rule `defects`, on which the score has no effect.
    """

    turn_fail: tuple[ScoredFrame, ...]
    turn_pass: tuple[ScoredFrame, ...]
    unknown: tuple[ScoredFrame, ...]
    same: int
    errors: int
    without_effect: int


def apply_threshold(frames: Sequence[ScoredFrame], image_threshold: float) -> WhatIf:
    """Applies the rules of inspector.processing.postprocess.Judge to recorded scores: a frame fails
    by its score if score >= image_threshold."""
    turn_fail, turn_pass, unknown = [], [], []
    same = errors = without_effect = 0
    for frame in frames:
        fails_by_score = frame.score is not None and frame.score >= image_threshold
        if frame.verdict == ERROR or frame.score is None:
            errors += 1
        elif frame.rule not in (SCORE, EITHER):
            without_effect += 1
        elif fails_by_score is (frame.verdict == "FAIL"):
            same += 1
        elif fails_by_score:
            turn_fail.append(frame)
        elif frame.rule == SCORE:
            turn_pass.append(frame)
        elif frame.image_threshold is not None and frame.score < frame.image_threshold:
            same += 1  # only its sizes failed it
        else:
            unknown.append(frame)
    return WhatIf(tuple(turn_fail), tuple(turn_pass), tuple(unknown), same, errors, without_effect)


def count_by_score(
    frames: Sequence[ScoredFrame], bins: int
) -> tuple[list[float], list[int], list[int]]:
    """Edges of equal bins from the lowest to the highest score, and the number of PASS and of FAIL
    frames in each bin. ERROR frames are left out. All are empty without a score."""
    scored = [(f.score, f.verdict) for f in frames if f.score is not None and f.verdict != ERROR]
    if not scored:
        return [], [], []
    low = min(score for score, _ in scored)
    width = (max(score for score, _ in scored) - low) / bins or 1.0
    counts = {"PASS": [0] * bins, "FAIL": [0] * bins}
    for score, verdict in scored:
        counts[verdict][min(int((score - low) / width), bins - 1)] += 1
    return [low + width * k for k in range(bins + 1)], counts["PASS"], counts["FAIL"]
